"""A run: the loop over hours, what is recorded, and checkpoints from which it goes on to the same bits."""

import re
import shutil
import time
from pathlib import Path

import numpy as np

from marrow_niche import clock
from marrow_niche.record import checkpoint, provenance
from marrow_niche.record.directory import RunDirectory
from marrow_niche.record.export import write_vtkhdf
from marrow_niche.record.recorder import Recorder
from marrow_niche.record.results import open_results
from marrow_niche.scenario.scenario import read_scenario
from marrow_niche.simulation import assembly, observe
from marrow_niche.simulation.step import advance, update_fields
from marrow_niche.state import State, from_dict, to_dict

CHECKPOINT_SECONDS, CHECKPOINT_SHARE = 120.0, 0.01
"""A checkpoint follows the last after so many seconds at the soonest, and takes no more than this share of the time."""


def simulate(scenario, *, into=None, overwrite=False, threads=None, progress=None, shared=None):
    """Run a scenario and write its run directory.

    Parameters
    ----------
    scenario : Scenario
    into : path, optional
        The run directory; runs/<title> if not given.
    overwrite : bool
        Replace an earlier run there.
    threads : int, optional
        Threads to use; results do not depend on it.
    progress : callable, optional
        Called with (hours done, hours in all) after each hour.
    shared : Shared, optional
        Geometry and resting state of an earlier run, taken where this one has the same.

    Returns
    -------
    Results

    Raises
    ------
    MarrowError
        What the user can mend; nothing is left behind. KeyboardInterrupt passes through after a checkpoint.
    """
    use_threads(threads)
    run = RunDirectory(into if into is not None else Path("runs") / slug(scenario.title))
    laid = None
    if overwrite:
        laid = _laid_out(scenario, shared)  # an earlier run is only given up for one that can be made
    there = run.path.exists()
    run.create(overwrite=overwrite)
    try:
        copied = {entry: run.copy_input(path)["file"] for entry, path in scenario.files.items()}
        run.write_scenario(scenario.rerun(copied))
        _introduce(run, scenario, threads)
        model, state = _built(run, scenario, laid, shared)
    except Exception:
        _leave_nothing(run, there)
        raise
    recorder = _recorder(run, scenario, model)
    _record_geometry(recorder, scenario, model)
    return _go_on(run, scenario, model, state, recorder, progress)


def resume(directory, *, threads=None, progress=None, shared=None):
    """Go on with a run that was stopped or killed, to the same bits as if it had not been.

    Parameters are those of `simulate`. Raises RunError when the directory is not a run or its inputs have changed.
    """
    use_threads(threads)
    run = RunDirectory(directory).require()
    run.check_inputs()
    scenario = read_scenario(run.scenario)
    if not run.checkpoint.exists():  # killed while it was being built
        for stale in (run.blood, run.marrow, run.budgets, run.births, run.fields_pvd, run.cells_pvd):
            stale.unlink(missing_ok=True)
        _introduce(run, scenario, threads)
        model, state = _built(run, scenario, None, shared)
        recorder = _recorder(run, scenario, model)
        _record_geometry(recorder, scenario, model)
        return _go_on(run, scenario, model, state, recorder, progress)
    stored, meta = checkpoint.load(run.checkpoint)
    state = from_dict(State, stored)
    model = assembly.rested(_laid_out(scenario, shared), meta)
    if state.hour >= scenario.duration and provenance.read(run).get("finished"):
        return open_results(run)
    provenance.resumed(run, day=state.hour / 24, threads=threads)
    recorder = _recorder(run, scenario, model, resume_day=state.hour / 24)
    _record_geometry(recorder, scenario, model)
    return _go_on(run, scenario, model, state, recorder, progress)


def use_threads(threads):
    """Let the kernels use this many threads, or all; more than the machine has is as many as it has."""
    import numba

    if threads is not None:
        most = numba.config.NUMBA_NUM_THREADS  # type: ignore[attr-defined]
        numba.set_num_threads(max(1, min(threads, most)))


def slug(title):
    """A title as a file name."""
    return re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_") or "run"


def _laid_out(scenario, shared):
    return assembly.lay_out(scenario, shared.geometry(scenario) if shared else assembly.geometry_of(scenario))


def _introduce(run, scenario, threads):
    """Begin provenance.json."""
    provenance.write(
        run,
        scenario=scenario.source,
        ledger=scenario.ledger.plain(),
        seed=scenario.seed,
        threads=threads,
        references=list(scenario.ledger.references()),
    )


def _built(run, scenario, laid, shared):
    model = laid or _laid_out(scenario, shared)
    model, state = shared.at_rest(scenario, model) if shared else assembly.at_rest(model)
    provenance.update(run, geometry=model.facts)
    return model, state


def _leave_nothing(run, there):
    """Take back what a run that cannot be made has written; `there`: the directory was there before, empty."""
    if there:
        for entry in run.path.iterdir():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        return
    shutil.rmtree(run.path)
    parent = run.path.parent
    if parent.name == "runs" and not any(parent.iterdir()):
        parent.rmdir()


def _recorder(run, scenario, model, resume_day=None):
    return Recorder(
        run,
        observe.grid(model),
        fields_unit=observe.field_units(scenario, model),
        cells_unit=observe.CELLS_UNIT,
        resume_day=resume_day,
    )


def _record_geometry(recorder, scenario, model):
    if scenario.record.space:
        observe.geometry(recorder, model)


def _save(recorder, model, state):
    recorder.sync()
    checkpoint.save(recorder.directory.checkpoint, to_dict(state), {name: getattr(model, name) for name in assembly.FOUND})


def _go_on(run, scenario, model, state, recorder, progress):
    start, hours = time.monotonic(), round(scenario.duration)
    due = clock.Every(scenario.record.every)
    saved, whole, wait = -np.inf, True, CHECKPOINT_SECONDS
    checkpoint.ready()
    try:
        if state.solved.min() < 0:
            update_fields(state, model)
            observe.record(recorder, scenario, state, model)
            _save(recorder, model, state)
            saved = time.monotonic()
        while state.hour < hours:
            whole = False
            advance(state, model)
            whole = True
            if due.due(state.hour) or state.hour == hours:
                observe.record(recorder, scenario, state, model)
                if time.monotonic() - saved > wait or state.hour == hours:
                    begun = time.monotonic()
                    _save(recorder, model, state)
                    saved = time.monotonic()
                    wait = max(CHECKPOINT_SECONDS, (saved - begun) / CHECKPOINT_SHARE)
            if progress is not None:
                progress(state.hour, hours)
    except KeyboardInterrupt:
        if whole and state.solved.min() >= 0:  # half an hour is no state: the last checkpoint stands
            _save(recorder, model, state)
        raise
    if scenario.record.vtkhdf:
        write_vtkhdf(run)
    provenance.finish(run, wall_seconds=time.monotonic() - start)
    return open_results(run)
