"""The tables of infra/mutation.py are about the code as it is."""

from support.program import ROOT

from infra.mutation_tables import EQUIVALENT, OWN_TESTS


def test_equivalent_mutations() -> None:
    """Each is of a line that the module has."""
    stale = [
        (module, line)
        for module, line, _ in EQUIVALENT
        if line not in map(str.strip, (ROOT / module).read_text(encoding="utf-8").splitlines())
    ]
    assert stale == []


def test_own_tests() -> None:
    """Each module and each of its test files exists."""
    paths = [ROOT / module for module in OWN_TESTS]
    paths += [ROOT / "tests" / name for names in OWN_TESTS.values() for name in names]
    assert [str(path) for path in paths if not path.is_file()] == []
