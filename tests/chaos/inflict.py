"""Do the faults."""

import asyncio

from tests.chaos.faults import Fault
from tests.chaos.installation import Installation
from tests.chaos.program import Program


async def inflict(installation: Installation, lane: str, fault: Fault) -> None:
    """Let one fault happen to the program of a lane, from its beginning to its end."""
    await asyncio.sleep(fault.after)
    installation.tell(f"{lane}: {fault.kind}, {fault.lasting:.1f} s")
    if lane == "broker":
        await _broker(installation, fault)
    elif lane == "redis":
        await _kill(installation.redis, fault)
    else:
        await _program(installation.programs[lane], fault)
    installation.tell(f"{lane}: {fault.kind}, over")


async def _broker(installation: Installation, fault: Fault) -> None:
    broker = installation.broker
    if fault.kind == "broker frozen":
        broker.pause()
        await asyncio.sleep(fault.lasting)
        broker.resume()
    else:
        await asyncio.to_thread(broker.kill)
        await asyncio.sleep(fault.lasting)
        await asyncio.to_thread(broker.start)


async def _program(program: Program, fault: Fault) -> None:
    match fault.kind:
        case "worker joins":
            program.start()
        case "worker leaves":
            await program.terminate()
        case "worker terminated":
            await program.terminate()
            await asyncio.sleep(fault.lasting)
            program.start()
        case "worker stopped" | "view stopped":
            program.pause()
            await asyncio.sleep(fault.lasting)
            program.resume()
        case _:
            await _kill(program, fault)


async def _kill(program: Program, fault: Fault) -> None:
    program.kill()
    await asyncio.sleep(fault.lasting)
    program.start()
