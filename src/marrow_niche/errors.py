"""What can go wrong, in the user's words. Everything raised on purpose derives from `MarrowError`."""


class MarrowError(Exception):
    """A mistake the user can mend; told in plain words, without a traceback."""


class UnitError(MarrowError):
    """A number whose unit is missing, unknown or of another kind than the place asks for."""


class ScenarioError(MarrowError):
    """The scenario file cannot be simulated; `mistakes` lists every one of them."""

    def __init__(self, name, mistakes):
        self.name, self.mistakes = str(name), list(mistakes)
        count = f"{len(self.mistakes)} mistake" + ("s" if len(self.mistakes) != 1 else "")
        super().__init__("\n".join([f"{self.name} cannot be simulated; {count}:", *("  " + m for m in self.mistakes)]))


class GeometryError(MarrowError):
    """A mesh, a section or a voxel size from which no marrow can be made."""


class NumericsError(MarrowError):
    """An equation that has no solution as posed, or a solver that did not reach its tolerance."""


class RunError(MarrowError):
    """A run directory that exists already, is missing, or is not one of ours."""


class CountsError(MarrowError):
    """A table of measured counts that cannot be laid over a run; `mistakes` lists every one of them."""

    def __init__(self, name, mistakes):
        self.name, self.mistakes = str(name), list(mistakes)
        count = f"{len(self.mistakes)} mistake" + ("s" if len(self.mistakes) != 1 else "")
        super().__init__("\n".join([f"{self.name} cannot be compared; {count}:", *("  " + m for m in self.mistakes)]))
