"""The bones the package makes, with the numbers that go with each and where these come from.

"Recalled" marks a number from the literature that was not read again for this table; "estimate" one without a single source.
"""

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from marrow_niche.errors import GeometryError
from marrow_niche.geometry.flat_bones import make_human_calvaria, make_iliac_core, make_mouse_calvaria
from marrow_niche.geometry.human_femur import make_human_femur
from marrow_niche.geometry.long_bone import make_long_bone
from marrow_niche.geometry.mesh import Surface
from marrow_niche.geometry.tibia import make_mouse_tibia
from marrow_niche.geometry.trabeculae import Trabeculae
from marrow_niche.geometry.vertebra import make_human_vertebra, make_mouse_vertebra

MOUSE, HUMAN = "mouse", "human"
EVERYWHERE = 0.5
"""A `Trabeculae.reach` of half the cavity from each end."""


@dataclass(frozen=True, kw_only=True)
class Spongy:
    """Trabecular bone in the cavity."""

    spec: Trabeculae
    source: str


def _spongy(
    share: float, thickness: float, source: str, *, reach: float = EVERYWHERE, fade: float = EVERYWHERE
) -> Spongy:
    return Spongy(spec=Trabeculae(volume_fraction=share, thickness=thickness, reach=reach, fade=fade), source=source)


@dataclass(frozen=True, kw_only=True)
class Fat:
    """Marrow that is fat."""

    share: float
    """Of the marrow volume at `age` [-]."""
    age: float
    """[year]."""
    per_year: float
    """Change of the share [1/year]."""
    source: str

    def at(self, age: float) -> float:
        """Share of the marrow volume at an age [year], between nought and one."""
        return min(max(self.share + self.per_year * (age - self.age), 0.0), 1.0)


@dataclass(frozen=True, kw_only=True)
class MadeBone:
    """A bone that the package makes, in the unit um."""

    name: str
    species: str
    make: Callable[[float], Surface]
    """A length along the longest principal axis [um] to the closed surface."""
    length: float
    """Along the longest principal axis unless told otherwise [um]."""
    length_source: str
    cortex: float
    """Thickness of the cortex where the bone is thick [um]."""
    cortex_source: str
    even: bool
    """Whether the cortex is as thick everywhere, as tables are; else it is at most a share of the local radius."""
    trabeculae: Spongy
    fat: Fat
    taper: tuple[tuple[float, float], ...] = ()
    """Places along the long axis, as shares of the extent from its low end, and the share of `cortex` there. Without any it
    follows the local radius alone."""

    def sources(self) -> dict[str, str]:
        """Where each of its numbers comes from."""
        return {
            "length": self.length_source,
            "cortex": self.cortex_source,
            "trabeculae": self.trabeculae.source,
            "fat": self.fat.source,
        }

    def surface(self, length: float | None = None) -> Surface:
        """Its closed surface, `length` long or as long as it is by default [um]."""
        return self.make(self.length if length is None else length)


ATLAS = "estimate after Bab et al., Micro-tomographic atlas of the mouse skeleton, Springer 2007"
METAPHYSIS = "C57BL/6 proximal tibia, BV/TV 0.10 to 0.12 and Tb.Th 50 um, PMC3748612 table 5; where they end: estimate"
LITTLE_FAT = "estimate: sparse adipocytes in adult C57BL/6, more with age; Scheller et al., Nat Commun 2015, 6:7808"

ILIAC_CORTEX = "0.7 to 1.2 mm in adults, falling with age, recalled; the fall: PMC3089747"
ILIAC_SPONGY = (
    "BV/TV about 0.20, Tb.Th about 0.14 mm in adults, recalled; Rehman et al., J Clin Pathol 1994, 47:529; "
    "Recker et al., J Bone Miner Res 1988, 3:133. Medians of 0.18 (0.11 to 0.23) in old donors, Hiller et al., BMC "
    "Nephrol 2017"
)
ILIAC_FAT = (
    "cellularity 0.50 at 30 to 70 years, Hartsock et al., Am J Clin Pathol 1965, 43:326, recalled; minus 3 % "
    "per decade in adults, Wong et al., Am J Clin Pathol 2024, doi 10.1093/ajcp/aqad129. In the first decade 0.21 of "
    "the marrow is fat, less than this line gives"
)
FEMUR_TAPER = (
    (0.00, 0.15),  # condyles
    (0.10, 0.18),
    (0.18, 0.28),  # lower metaphysis
    (0.28, 0.60),
    (0.40, 1.00),  # shaft
    (0.65, 1.00),
    (0.75, 0.75),  # below the lesser trochanter
    (0.83, 0.45),
    (0.90, 0.30),  # neck
    (1.00, 0.15),  # head
)

_ALL = (
    MadeBone(
        name="mouse femur",
        species=MOUSE,
        make=make_long_bone,
        length=15_500.0,
        length_source="15 to 16 mm in adult C57BL/6, recalled; growth in Brodt et al., J Bone Miner Res 1999, 14:2159",
        cortex=160.0,
        cortex_source="0.16 +- 0.01 mm, C57BL/6 tibia, PMC3748612 table 3",
        even=False,
        trabeculae=_spongy(share=0.12, thickness=50.0, reach=0.10, fade=0.25, source=METAPHYSIS),
        fat=Fat(share=0.005, age=0.25, per_year=0.01, source=LITTLE_FAT),
    ),
    MadeBone(
        name="mouse tibia",
        species=MOUSE,
        make=make_mouse_tibia,
        length=17_500.0,
        length_source="17 to 18 mm in adult C57BL/6, recalled; growth in Somerville et al., Calcif Tissue Int 2004, 74:469",
        cortex=160.0,
        cortex_source="0.16 +- 0.01 mm, PMC3748612 table 3",
        even=False,
        trabeculae=_spongy(share=0.12, thickness=50.0, reach=0.10, fade=0.25, source=METAPHYSIS),
        fat=Fat(
            share=0.01,
            age=0.25,
            per_year=0.02,
            source=LITTLE_FAT
            + ". Of the part above the fibula's junction: below it the marrow is mostly fat, which one "
            "number for the bone leaves out",
        ),
    ),
    MadeBone(
        name="mouse vertebra",
        species=MOUSE,
        make=make_mouse_vertebra,
        length=3_440.0,
        length_source="fourth lumbar, " + ATLAS,
        cortex=98.0,
        cortex_source="98 +- 4 um, lumbar, young, PMC4064379 table 3",
        even=False,
        trabeculae=_spongy(
            share=0.21,
            thickness=56.0,
            source="lumbar, young: BV/TV 0.21 +- 0.03 and Tb.Th 56 +- 3 um, PMC4064379 table 3; 0.17 and 57 um in old mice",
        ),
        fat=Fat(share=0.0, age=0.25, per_year=0.002, source="estimate: next to none in lumbar, much in tail vertebrae"),
    ),
    MadeBone(
        name="mouse calvaria",
        species=MOUSE,
        make=make_mouse_calvaria,
        length=4_000.0,
        length_source="choice of a piece as wide as an imaging window; 0.35 mm thick where marrow lies, estimate",
        cortex=100.0,
        cortex_source="estimate: two tables of about 0.1 mm around the marrow cavity",
        even=True,
        trabeculae=_spongy(share=0.10, thickness=50.0, source="estimate: bony pillars between the marrow's chambers"),
        fat=Fat(share=0.0, age=0.25, per_year=0.0, source="estimate: adipocytes are hardly seen in calvarial marrow"),
    ),
    MadeBone(
        name="human femur",
        species=HUMAN,
        make=make_human_femur,
        length=440_000.0,
        length_source="40 to 47 cm between women and men, recalled",
        cortex=6_000.0,
        cortex_source="5 to 7 mm at mid-shaft, recalled; 1 to 2 mm at the lower metaphysis, 1 mm or less under joints and 1.5 "
        "to 2 mm in the neck: estimate",
        even=False,
        taper=FEMUR_TAPER,
        trabeculae=_spongy(
            share=0.15,
            thickness=180.0,
            reach=0.12,
            fade=0.25,
            source="BV/TV 0.10 in the neck's outer part to 0.27 in the head and Tb.Th 0.14 to 0.22 mm, recalled; Hildebrand et "
            "al., J Bone Miner Res 1999, 14:1167; where they end: estimate",
        ),
        fat=Fat(
            share=0.90,
            age=40.0,
            per_year=0.002,
            source="estimate of the shaft; the upper half with head and neck has a cellularity of 0.25 at 40 years, Cristy, "
            "Phys Med Biol 1981, 26:389, recalled",
        ),
    ),
    MadeBone(
        name="human vertebra",
        species=HUMAN,
        make=make_human_vertebra,
        length=88_000.0,
        length_source="third lumbar, front of the body to the spinous process, estimate; body and canal after Panjabi et al., "
        "Spine 1992, 17:299, recalled",
        cortex=400.0,
        cortex_source="0.3 to 0.5 mm, recalled",
        even=False,
        trabeculae=_spongy(
            share=0.11,
            thickness=135.0,
            source="BV/TV 0.08 to 0.12 and Tb.Th 0.12 to 0.14 mm, lumbar, recalled; Hildebrand et al., J Bone Miner Res "
            "1999, 14:1167",
        ),
        fat=Fat(
            share=0.35,
            age=40.0,
            per_year=0.004,
            source="MR fat fraction L1 to L4 of 0.27 (women) to 0.35 (men) at 20 to 39 years, Baum et al., Front Endocrinol "
            "2018, 9:141; cellularity 0.70 at 40 years, Cristy 1981, recalled; the change: estimate",
        ),
    ),
    MadeBone(
        name="human iliac core",
        species=HUMAN,
        make=partial(make_iliac_core, diameter=3_000.0),
        length=9_000.0,
        length_source="8 to 10 mm across the ilium, a needle of 3 mm after Jamshidi, recalled",
        cortex=900.0,
        cortex_source=ILIAC_CORTEX,
        even=True,
        trabeculae=_spongy(share=0.20, thickness=140.0, source=ILIAC_SPONGY),
        fat=Fat(share=0.50, age=50.0, per_year=0.003, source=ILIAC_FAT),
    ),
    MadeBone(
        name="human needle core",
        species=HUMAN,
        make=partial(make_iliac_core, diameter=2_000.0, through=False),
        length=16_000.0,
        length_source="a mean of 16 mm from the posterior crest, Reed et al., J Clin Pathol 2018, 71:172; 10 to 20 mm usual "
        "and about 2 mm across, recalled; one cortex at its high end, the other end in the marrow",
        cortex=900.0,
        cortex_source=ILIAC_CORTEX,
        even=True,
        trabeculae=_spongy(share=0.20, thickness=140.0, source=ILIAC_SPONGY),
        fat=Fat(share=0.50, age=50.0, per_year=0.003, source=ILIAC_FAT),
    ),
    MadeBone(
        name="human calvaria",
        species=HUMAN,
        make=make_human_calvaria,
        length=20_000.0,
        length_source="choice of a piece; 6 to 7 mm thick, Lynnerup et al., Head Face Med 2005, 1:13",
        cortex=1_500.0,
        cortex_source="tables of 1.5 to 2 mm around a diploe of about half the thickness, estimate",
        even=True,
        trabeculae=_spongy(share=0.35, thickness=250.0, source="estimate: the diploe is denser than other spongy bone"),
        fat=Fat(
            share=0.60,
            age=40.0,
            per_year=0.003,
            source="cellularity 0.38 at 40 years, Cristy, Phys Med Biol 1981, 26:389, recalled; the change: estimate",
        ),
    ),
)
BONES: dict[str, MadeBone] = {bone.name: bone for bone in _ALL}
"""By name."""
ALIASES = {"long bone": "mouse femur"}


def made_bone(name: str) -> MadeBone:
    """The bone of a name, small or capital letters, or of an alias.

    Raises
    ------
    GeometryError
        There is none of that name.
    """
    folded = " ".join(str(name).casefold().split())
    folded = ALIASES.get(folded, folded)
    if folded in BONES:
        return BONES[folded]
    near = difflib.get_close_matches(folded, [*BONES, *ALIASES], n=1, cutoff=0.5)
    raise GeometryError(
        f"geometry.bone: {name!r} is not made by the package"
        + (f'; did you mean "{near[0]}"?' if near else ".")
        + f" It makes {', '.join(BONES)}. A bone of your own: mesh = ..."
    )
