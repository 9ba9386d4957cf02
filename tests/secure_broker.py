"""A real Kafka broker with TLS, SCRAM users and access rules, as a company runs it.

Clients come by SASL_SSL at `localhost`, and may do what docs/deploy.md has the operator allow them, and nothing else.
"""

import argparse
import re
import shlex
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.admin import CreateAclsRequest
from pydantic import SecretStr

from config.settings import Settings
from tests.authority import Authority, key_store
from tests.broker import Broker, free_port

SCRAM = ("SCRAM-SHA-256", "SCRAM-SHA-512")
USERS = ("salespulse-setup", "salespulse-worker", "salespulse-view", "salespulse-producer", "salespulse-operator")
_GUIDE = Path(__file__).parents[1] / "docs/deploy.md"
_STORE_PASSWORD = "only-for-tests"  # noqa: S105 - Java wants one for each store

# The listener without TLS is the broker's own, and for making the access rules: who comes there may do everything.
_PROPERTIES = """\
listeners=SASL_SSL://127.0.0.1:{{port}},INSIDE://127.0.0.1:{inside},CONTROLLER://127.0.0.1:{{controller}}
advertised.listeners=SASL_SSL://localhost:{{port}},INSIDE://127.0.0.1:{inside}
listener.security.protocol.map=SASL_SSL:SASL_SSL,INSIDE:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=INSIDE
sasl.enabled.mechanisms={mechanisms}
{logins}
ssl.keystore.type=PKCS12
ssl.keystore.location={store}
ssl.keystore.password={password}
ssl.key.password={password}
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
"""
_MODULES = "org.apache.kafka.common.security"
_LOGIN = f"listener.name.sasl_ssl.{{mechanism}}.sasl.jaas.config={_MODULES}.scram.ScramLoginModule required;"
_PLAIN_LOGIN = (
    f"listener.name.sasl_ssl.plain.sasl.jaas.config={_MODULES}.plain.PlainLoginModule required"
    f" {' '.join(f'user_{user}=planted-{user}' for user in USERS)};"
)

_RESOURCES = {"topic": 2, "group": 3, "cluster": 4, "transactional_id": 5}
_PATTERNS = {"literal": 3, "prefixed": 4}
_OPERATIONS = {"read": 3, "write": 4, "create": 5, "describe": 8, "describeconfigs": 10}
_ALLOW = 3


class SecureBroker:
    """A broker that lets in nobody without TLS, user and password, and allows only what the guide says."""

    def __init__(self) -> None:
        """Make certificates and users; nothing is started yet.

        Raises:
            NoBrokerError: if there is no way to have a broker of our own here.
        """
        self._aside = tempfile.TemporaryDirectory(prefix="salespulse-secure-")
        self.folder = Path(self._aside.name)
        self.authority = Authority(self.folder)
        store = key_store(*self.authority.certify("broker", "DNS:localhost"), _STORE_PASSWORD)
        self._inside = f"127.0.0.1:{free_port()}"
        properties = _PROPERTIES.format(
            inside=self._inside.partition(":")[2],
            mechanisms=",".join((*SCRAM, "PLAIN")),
            logins="\n".join((*(_LOGIN.format(mechanism=name.lower()) for name in SCRAM), _PLAIN_LOGIN)),
            store=store,
            password=_STORE_PASSWORD,
        )
        scram = [
            option
            for user in USERS
            for mechanism in SCRAM
            for option in ("--add-scram", f"{mechanism}=[name={user},password={password_of(user)}]")
        ]
        self._broker = Broker(private=True, properties=properties, formatting=scram)

    @property
    def port(self) -> int:
        """The port that clients come to."""
        return int(self._broker.address.rpartition(":")[2])

    def settings(self, settings: Settings, user: str, mechanism: str = "SCRAM-SHA-512") -> Settings:
        """Return `settings` for a client that comes as `user`."""
        return settings.model_copy(
            update={
                "kafka": f"localhost:{self.port}",
                "kafka_security_protocol": "SASL_SSL",
                "kafka_sasl_mechanism": mechanism,
                "kafka_sasl_username": user,
                "kafka_sasl_password": SecretStr(password_of(user)),
                "kafka_ssl_cafile": self.authority.cafile,
            }
        )

    def inside(self, settings: Settings) -> Settings:
        """Return `settings` for a client that may do everything, by the broker's own listener."""
        secured = [name for name in Settings.model_fields if name.startswith(("kafka_sasl", "kafka_ssl"))]
        plain = {**dict.fromkeys(secured), "kafka_security_protocol": "PLAINTEXT"}
        return settings.model_copy(update={**plain, "kafka": self._inside})

    async def allow(self, settings: Settings) -> None:
        """Allow what the guide's commands allow, for the names of `settings`."""
        admin: Any = AIOKafkaAdminClient(bootstrap_servers=self._inside)
        await admin.start()
        try:
            for rule in rules(_GUIDE.read_text("utf-8"), settings):
                response = await admin._send_to_controller(CreateAclsRequest(*rule))  # noqa: SLF001 - it has no way of its own
                assert all(code == 0 for code, *_ in response.creation_responses), response
        finally:
            await admin.close()

    def start(self) -> Self:
        """Start the broker and wait until it answers."""
        self._broker.start()
        return self

    def close(self) -> None:
        """End the broker and forget its data."""
        self._broker.close()
        self._aside.cleanup()


def password_of(user: str) -> str:
    """Return the password of a user."""
    return f"planted-{user}"


def rules(guide: str, settings: Settings) -> Iterator[tuple[int, str, int, str, str, int, int]]:
    """Yield the rules of each `kafka-acls.sh --add` in a guide: resource, name, pattern, who, host, operation, allow.

    The names are those of an installation with the default prefixes, and become those of `settings`.
    """
    parser = argparse.ArgumentParser(exit_on_error=False)
    parser.add_argument("--allow-principal", required=True)
    parser.add_argument("--operation", action="append", required=True, type=str.lower)
    parser.add_argument("--resource-pattern-type", default="literal")
    for resource in _RESOURCES:
        parser.add_argument(f"--{resource.replace('_', '-')}", action="append", default=[])
    for command in re.findall(r"^\$acls --add ((?:.*\\\n)*.*)$", guide, re.MULTILINE):
        given = parser.parse_args(shlex.split(command.replace("\\\n", " ")))
        for resource, code in _RESOURCES.items():
            for name in getattr(given, resource):
                for operation in given.operation:
                    pattern = _PATTERNS[given.resource_pattern_type]
                    named = _renamed(name, settings)
                    yield code, named, pattern, given.allow_principal, "*", _OPERATIONS[operation], _ALLOW


def _renamed(name: str, settings: Settings) -> str:
    """Return a name of the guide as it is in this installation."""
    for default, own in (("salespulse", settings.app_id), ("sales", settings.topic_prefix)):
        if name == default or name.startswith(f"{default}."):
            return own + name.removeprefix(default)
    return name
