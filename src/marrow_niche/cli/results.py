"""Commands that show a finished run: report, render, export, compare, lineages."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from marrow_niche.cli.frame import DONE, Run, Several, app, draw_report, resumable
from marrow_niche.errors import PictureError
from marrow_niche.progress import study_bar


@app.command(sort_key=5)
def report(directory: Run, /) -> int:
    """Draw the figures of a run and write its report.html."""
    from marrow_niche.record.results import open_results

    draw_report(open_results(directory))
    return DONE


@app.command(sort_key=5.5)
def render(
    directory: Run,
    /,
    *,
    scene: Annotated[
        tuple[str, ...],
        Parameter(
            help="anatomy, fields, cells, damage, triptych or slice; may be given again. By default all of them.",
            negative="",
            show_default=False,
        ),
    ] = (),
    day: Annotated[
        tuple[float, ...],
        Parameter(
            help="Day to draw; may be given again. By default those that suit each scene.", negative="", show_default=False
        ),
    ] = (),
    field: Annotated[str | None, Parameter(help="What fields and triptych show, such as SCF or cellularity.")] = None,
    theme: Annotated[str, Parameter(help="light or dark.")] = "light",
    size: Annotated[str, Parameter(help="Pixels across and down.")] = "1920x1080",
    format: Annotated[str | None, Parameter(help="Of pictures: png (by default), svg or pdf.")] = None,
    into: Annotated[
        Path | None, Parameter(help="Folder; by default scenes/ in the run for pictures, the working directory for a film.")
    ] = None,
    movie: Annotated[
        tuple[Path, ...],
        Parameter(
            help="File for a film of one scene over all recorded days, or those given: .mp4 or .gif. May be given again.",
            negative="",
            show_default=False,
        ),
    ] = (),
    fps: Annotated[float, Parameter(help="Frames a second of a film.")] = 8.0,
) -> int:
    """Draw a run: pictures of named scenes, or a film of one.

    anatomy   bone cut open, vessels and stem cells
    fields    a cytokine in the marrow, cut open
    cells     stem cells by state, clone and donor
    damage    integrity of the sinusoids, cellularity of the marrow
    triptych  the marrow before, at its emptiest, and recovered
    slice     a flat section as under the microscope

    For instance:

        marrow-niche render runs/femur
        marrow-niche render runs/femur --scene fields --field CXCL12 --day 7
        marrow-niche render runs/femur --scene damage --movie damage.mp4

    Without a graphics card it draws in software. In an svg or a pdf words
    are sharp at any size, and of the scene slice all is.
    """
    from marrow_niche.view import scenes

    if movie and format is not None:
        told = f"--format {format}: is of pictures; a film is what its name ends in, .mp4 or .gif. Leave it out."
        raise PictureError(directory, [told])
    if not movie:
        scenes.render(
            directory, scene, days=day, field=field, theme=theme, size=size, format=format or "png", into=into,
            written=lambda path: print(path, flush=True), skipped=lambda why: print(f"Not drawn: {why}", file=sys.stderr),
        )  # fmt: skip
        return DONE
    with resumable(f"marrow-niche render {directory} ...", kept=False), study_bar("frames") as show:
        paths = scenes.film(
            directory, movie, scene or ("anatomy",), days=day, field=field, theme=theme, size=size, rate=fps, into=into,
            show=show,
        )  # fmt: skip
    print("\n".join(str(path) for path in paths))
    return DONE


@app.command(sort_key=6)
def compare(
    directory: Run,
    counts: Annotated[
        Path, Parameter(name="counts.csv", help="Table of measured counts: day, neutrophils_per_uL, ...")
    ],
    /,
    *,
    relative: Annotated[
        bool, Parameter(help="Lay both over their own first value, where baselines differ.", negative="")
    ] = False,
) -> int:
    """Lay measured blood counts over those of a run: a figure, and how far off each count is.

    The table has a column day, from the start of the run, and counts by the names of blood.csv; e9 a litre is read too:

        day,neutrophils_e9_per_L,platelets_per_uL,platelets_per_uL_sd
        0,1.1,980000,120000
        7,0.06,150000,30000

    An empty cell was not measured. It writes compare.png and compare.csv into the directory of the run.
    """
    from marrow_niche.view.compare import lay_over

    print(lay_over(directory, counts, relative=relative))
    return DONE


@app.command(sort_key=6)
def export(
    directory: Run,
    /,
    *,
    to: Annotated[str, Parameter(help="Form: vti, vtkhdf, zarr, netcdf, nrrd, nifti, ome-tiff or csv.")],
    fields: Annotated[
        tuple[str, ...], Parameter(help="Fields to write, such as SCF CXCL12; all of them by default.", **Several)
    ] = (),
    from_day: Annotated[str | None, Parameter(help="First day; the first recorded one by default.")] = None,
    to_day: Annotated[str | None, Parameter(help="Last day; the last recorded one by default.")] = None,
    days: Annotated[tuple[str, ...], Parameter(help="Days one by one, such as 0 7 14.", **Several)] = (),
    region: Annotated[
        tuple[str, ...],
        Parameter(help="Part of the box, in um of the run's axes or % of the box: x=200:800 z=25%:75%.", **Several),
    ] = (),
    keep_bits: Annotated[
        int | None,
        Parameter(help="Bits of the mantissa to keep, 1 to 23; 10 keep each value to 0.05 % in half of the space."),
    ] = None,
    into: Annotated[Path | None, Parameter(help="Folder to make; beside the run, <run>_<form>, by default.")] = None,
    overwrite: Annotated[bool, Parameter(help="Replace an earlier export in that folder.", negative="")] = False,
) -> int:
    """Write a run, or a part of it, in the files of other programs.

    What opens which form:

        vti         ParaView 5.11 and later: fields, cells, vessels over time
        vtkhdf      ParaView 5.12 and later: the same, one file each
        zarr        xarray in Python, Julia: one labelled data set
        netcdf      xarray, R, MATLAB: the same as NetCDF 3, at most 2 GB
        nrrd        3D Slicer, ITK: a volume for each field and time
        nifti       ITK-SNAP, FSL: the same as .nii.gz
        ome-tiff    Fiji, napari, QuPath: fields as channels, over time
        csv         spreadsheets, R: one row a stem cell and time

    For example, two cytokines of the first month in the middle of the bone, in half of the space:

        marrow-niche export runs/femur --to zarr --fields SCF CXCL12
            --to-day 30 --region z=40%:60% --keep-bits 10

    docs/paraview.md says what is in the files.
    """
    from marrow_niche.record.chosen import Asked
    from marrow_niche.record.export import export as write
    from marrow_niche.record.export import told

    asked = Asked(fields=fields, from_day=from_day, to_day=to_day, days=days, region=region, keep_bits=keep_bits)
    with resumable(f"marrow-niche export {directory} --to {to}", kept=False), study_bar("times") as show:
        folder = write(directory, to, asked, into=into, overwrite=overwrite, show=show)
    print(told(folder))
    return DONE


@app.command(sort_key=11)
def lineages(
    directory: Run,
    /,
    *,
    day: Annotated[
        float | None, Parameter(help="Recorded day whose stem cells are traced back, the nearest; by default the last.")
    ] = None,
) -> int:
    """Tell who comes from whom among the stem cells of a run: a genealogy of each clone.

    It writes into the run

        lineages.nwk      Newick: one tree a line, branch lengths in days
        lineages.vtp      ParaView: branches as straight lines in space
        lineages.trees    tskit, where it is installed

    docs/lineages.md says what is in the files.
    """
    from marrow_niche.analysis import genealogy
    from marrow_niche.record.results import open_results

    results = open_results(directory)
    found = genealogy.genealogy(results, day)
    files = genealogy.write(results, found)
    print(genealogy.told(found))
    print(f"\nLineages: {', '.join(map(str, files))}")
    return DONE
