"""Tables a spreadsheet opens: first column `day`, units in the column names, one row a recorded time."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from marrow_niche.errors import RunError
from marrow_niche.record.atomic import write_text

if TYPE_CHECKING:
    import pandas as pd

DAY_TOLERANCE = 1e-6
"""Two recorded times nearer than this [d] (0.09 s) are one."""


def day_text(day: float) -> str:
    """A time [d] as the shortest text that reads back to the same bits: 0.1, 14, 0.3333333333333333."""
    text = repr(float(day))
    return text.removesuffix(".0")


def _number_text(value: Any) -> str:
    number = float(value)
    if number.is_integer() and abs(number) < 1e15:
        return str(int(number))
    return f"{number:.10g}"


class Table:
    """One CSV table, appended a row at a time; each row reaches the file in one write, so a kill leaves whole lines.

    What must outlive a loss of power too, `sync` brings to the disk: before a checkpoint that counts on it.
    Numbers carry ten significant digits, days all of theirs; the same rows give the same bytes.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._columns: list[str] | None = None

    def append(self, day: float, row: Mapping[str, float]) -> None:
        """Add the row of time `day` [d].

        The first row fixes the columns (their order is that of `row`); every later row must have the same.
        Raises RunError when a column is missing, new, or badly named, or when the disk refuses.
        """
        if self._columns is None:
            self._columns = self._header()
        line = ""
        if self._columns is None:
            self._columns = self._checked(row)
            line = ",".join(["day", *self._columns]) + "\n"
        if set(row) != set(self._columns):
            missing, new = sorted(set(self._columns) - set(row)), sorted(set(row) - set(self._columns))
            what = [f"missing: {', '.join(missing)}"] * bool(missing) + [f"new: {', '.join(new)}"] * bool(new)
            raise RunError(
                f"{self.path}: the row of day {day_text(day)} does not have the table's columns ({'; '.join(what)}). "
                f"A table keeps its columns; go on with the version that began the run, or run again."
            )
        self._write(line + ",".join([day_text(day), *(_number_text(row[name]) for name in self._columns)]) + "\n")

    def extend(self, rows: Mapping[str, Any]) -> None:
        """Add many rows at once: `day` [d] and the other columns, (k,) each, the same at every call; without rows the header.

        Raises RunError when the disk refuses.
        """
        days = [day_text(day) for day in rows["day"]]
        others = {name: [_number_text(value) for value in values] for name, values in rows.items() if name != "day"}
        lines = [",".join(row) for row in zip(days, *others.values(), strict=True)]
        if self._columns is None:
            self._columns = self._header()
        if self._columns is None:
            self._columns = self._checked(others)
            lines.insert(0, ",".join(["day", *others]))
        self._write("".join(line + "\n" for line in lines))

    def _write(self, line: str) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
            try:
                data = line.encode("ascii")
                if os.write(handle, data) != len(data):
                    raise OSError(28, "no space left on device")
            finally:
                os.close(handle)
        except OSError as error:
            raise self._refused(error) from error

    def sync(self) -> None:
        """Wait until every row is on the disk; nothing where there is no table. Raises RunError when the disk refuses."""
        try:
            handle = os.open(self.path, os.O_RDWR)
        except FileNotFoundError:
            return
        except OSError as error:
            raise self._refused(error) from error
        try:
            os.fsync(handle)
        except OSError as error:
            raise self._refused(error) from error
        finally:
            os.close(handle)

    def cut(self, day: float) -> list[float]:
        """Drop every row later than `day` [d], and a last line a kill left half-written; return the days kept."""
        lines = _whole_lines(self.path)
        if not lines:
            self.path.unlink(missing_ok=True)
            self._columns = None
            return []
        kept = [line for line in lines[1:] if _day_of(line, self.path) <= day + DAY_TOLERANCE]
        write_text(self.path, "".join(line + "\n" for line in [lines[0], *kept]))
        self._columns = None
        return [_day_of(line, self.path) for line in kept]

    def days(self) -> list[float]:
        """Times of the rows [d]; empty when there is no table yet."""
        return [_day_of(line, self.path) for line in _whole_lines(self.path)[1:]]

    def _refused(self, error: OSError) -> RunError:
        return RunError(f"{self.path}: cannot be written ({error.strerror}). Is the disk full or read-only?")

    def _header(self) -> list[str] | None:
        lines = _whole_lines(self.path)
        return lines[0].split(",")[1:] if lines else None

    def _checked(self, row: Mapping[str, Any]) -> list[str]:
        bad = [name for name in row if not re.fullmatch(r"[A-Za-z0-9_]+", name) or name == "day"]
        if bad:
            raise RunError(
                f"{self.path}: {bad[0]!r} cannot name a column; use letters, digits and '_', with the unit at the end, "
                f"such as neutrophils_per_uL."
            )
        return list(row)


def read_table(path: Path | str) -> "pd.DataFrame":
    """The table at `path`, every column float64; a half-written last line is left out.

    Raises RunError when the table is missing or no longer as the run wrote it.
    """
    import pandas as pd

    path = Path(path)
    lines = _whole_lines(path)
    if not lines:
        raise RunError(f"{path}: missing or empty; the run stopped before its first recorded time. Run it again.")
    columns = lines[0].split(",")
    try:
        rows = np.array([[float(text) for text in line.split(",")] for line in lines[1:]]).reshape(-1, len(columns))
    except ValueError as error:
        raise RunError(f"{path}: cannot be read as a table of numbers ({error}). Was the file edited?") from error
    return pd.DataFrame(rows, columns=columns)


def _whole_lines(path: Path) -> list[str]:
    if not path.is_file():
        return []
    text = path.read_bytes().decode("ascii", errors="replace")
    return text[: text.rfind("\n") + 1].splitlines()


def _day_of(line: str, path: Path) -> float:
    try:
        return float(line.split(",", 1)[0])
    except ValueError:
        raise RunError(f"{path}: the line {line[:40]!r} does not begin with a day. Was the file edited?") from None
