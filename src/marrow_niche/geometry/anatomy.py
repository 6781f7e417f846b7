"""What a species' marrow is built of: sizes, spacings and densities, one number each, given with its source."""

from dataclasses import dataclass

from marrow_niche.quantities.parameters import quantity


@dataclass(frozen=True, kw_only=True)
class Anatomy:
    """The numbers from which bone is hollowed and filled with vessels and stroma."""

    cortex: float = quantity("um", "thickness of the cortex where the bone is thick", low=0.0)
    cortex_share: float = quantity(
        "", "thickest cortex, as a share of the local radius of the bone", low=0.0, high=0.95
    )
    trabecular_fraction: float = quantity(
        "", "BV/TV of the spongy bone at the ends of long bones", low=0.0, high=0.45, default=0.0
    )
    trabecular_thickness: float = quantity("um", "mean thickness of trabeculae", low=5.0, default=50.0)
    trabecular_reach: float = quantity(
        "", "share of the cavity's length, from each end, with all of its trabeculae", low=0.0, high=1.0, default=0.1
    )
    trabecular_fade: float = quantity("", "share from which on there are none", low=0.0, high=1.0, default=0.25)
    sinusoid_spacing: float = quantity("um", "least distance between the cords that sinusoids surround", low=15.0)
    sinusoid_radius: float = quantity("um", "median radius of a sinusoid", low=1.0)
    sinusoid_radius_spread: float = quantity("", "standard deviation of the radius' logarithm", low=0.0, high=1.0)
    sinusoid_degree: float = quantity("", "mean number of sinusoids that meet at a junction", low=2.2, high=4.5)
    sinusoid_tortuosity: float = quantity("um", "displacement of sinusoids from straight lines", low=0.0)
    sinusoid_radial: float = quantity(
        "", "how far sinusoids that lead away from the central vein are favoured; 1 not at all", low=1.0, default=1.0
    )
    type_h_reach: float = quantity(
        "um", "columns of type H vessels reach so far from the ends of a long bone's cavity", low=0.0, default=0.0
    )
    type_h_spacing: float = quantity("um", "least distance between columns of type H vessels", low=15.0, default=35.0)
    type_h_radius: float = quantity("um", "median radius of a type H vessel", low=1.0, default=7.0)
    vein_radius: float = quantity("um", "radius of the central vein", low=1.0)
    arteriole_tip_radius: float = quantity("um", "radius of a terminal arteriole", low=1.0)
    artery_radius: float = quantity("um", "radius of the central artery, the widest", low=1.0, default=30.0)
    arteriole_spacing: float = quantity("um", "least distance between terminal arterioles", low=20.0)
    stroma_density: float = quantity("1/mm^3", "perivascular (LepR+, CAR) stromal cells in marrow", low=0.0)
    stroma_gap: float = quantity("um", "farthest a stromal cell's centre lies from the sinusoid wall", low=0.0)
    stroma_diameter: float = quantity("um", "soma of a stromal cell, the least distance between two", low=0.0)
    osteoblast_density: float = quantity("1/mm^2", "osteoblasts on active endosteum", low=0.0)
    osteoblast_active_share: float = quantity("", "share of the endosteum that is active", low=0.0, high=1.0)
    megakaryocyte_density: float = quantity("1/mm^3", "megakaryocytes in marrow", low=0.0)
    megakaryocyte_radius: float = quantity("um", "radius of a megakaryocyte", low=0.0)
    adipocyte_density: float = quantity("1/mm^3", "adipocytes in marrow", low=0.0, default=0.0)
    adipocyte_radius: float = quantity("um", "median radius of an adipocyte", low=1.0, default=20.0)


@dataclass(frozen=True, kw_only=True)
class Published:
    """The range in which a share that the package measures in a marrow was found in animals. Nothing is fitted to it here."""

    low: float = quantity("", "lower end", low=0.0, high=1.0)
    high: float = quantity("", "upper end", low=0.0, high=1.0)
