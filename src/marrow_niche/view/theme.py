"""Colours of a scene on a light and on a dark page; both are told apart by the colour-blind."""

from dataclasses import asdict, dataclass

from marrow_niche.view import style


@dataclass(frozen=True, kw_only=True)
class Theme:
    """What a scene is painted with: names of CSS colours as #rrggbb."""

    page: str = "#ffffff"
    ink: str = style.INK
    soft: str = style.SOFT
    faint: str = style.FAINT
    bone: str = "#efe6d4"
    cut_bone: str = "#cfcbc2"
    """Bone in a flat section."""
    marrow: str = "#f7e6e1"
    lumen: str = "#f7efec"
    cut_vessel: str = "#d6ccc6"
    """Vessels on a cut face in the colours of a field."""
    fat: str = "#f5e6a8"
    fat_rim: str = "#c9a94f"
    nucleus: str = "#6a4c93"
    sinusoid: str = "#d0786d"
    pale_sinusoid: str = "#ecd0ca"
    """Sinusoids that stand behind what is shown."""
    wasted: str = "#cdc9c3"
    arteriole: str = "#d3141f"
    vein: str = "#8d5a86"
    quiet: str = "#17479e"
    awake: str = "#f2b705"
    senescent: str = "#4a4a4a"
    donor: str = style.VERMILION
    host: str = style.SKY
    others: str = "#a9b0b8"
    here: str = style.VERMILION

    def plain(self) -> dict[str, str]:
        """The colours by their names."""
        return asdict(self)


LIGHT = Theme()
DARK = Theme(
    page="#11161d",
    ink="#f2f4f7",
    soft="#b3bdc8",
    faint="#55606c",
    bone="#b9b09d",
    cut_bone="#6b6a66",
    marrow="#2b2024",
    lumen="#4a3c40",
    cut_vessel="#3b3f46",
    fat="#d9c36a",
    fat_rim="#f0dc8a",
    nucleus="#b79be0",
    sinusoid="#c9645a",
    pale_sinusoid="#5d4542",
    wasted="#7f7c78",
    arteriole="#ff4d4d",
    vein="#a874a0",
    quiet="#6fa8ff",
    awake="#ffd23f",
    senescent="#e6e6e6",
    others="#6d7681",
)
THEMES = {"light": LIGHT, "dark": DARK}
CLONES = (style.BLUE, style.AMBER, style.GREEN, style.VERMILION, style.PURPLE, style.SKY)
"""Colours of the largest clones, the largest first."""
