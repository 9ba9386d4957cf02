"""Write the state of this release; needed once for each record version, and again when the golden example grows."""

from tests.upgrade.state import file_of, grow, write

if __name__ == "__main__":
    write(grow())
    print(f"wrote {file_of()}")
