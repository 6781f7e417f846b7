"""The mean-field model as one plain loop: the twin of the tree, blood, lymphoid tissue and hormones in hourly Euler steps."""

import numpy as np

from marrow_niche.body import blood, hormones, iron, lymphoid, spleen
from marrow_niche.body.hormones import HormoneState
from marrow_niche.marrow import damage
from marrow_niche.marrow.lineages import EXITS
from marrow_niche.resting import twin


def irradiate(marrow, body, model, dose):
    """An acute dose [Gy] on the twin `marrow` and its lymphoid tissue, in place."""
    r, tree = model.species.radiation, model.tree
    quiet, cycling = damage.stem_survival(r, dose, dose**2, model.stem_rest.cycling)
    marrow.quiescent *= quiet
    marrow.cycling *= cycling
    for name, lq in r.lineages.items():
        rows, lives = tree.rows(name, 0), damage.survival(lq, dose, dose**2)
        if "doomed" in tree.lines and not lq.dies_at_once:
            marrow.counts[tree.rows(name, tree.lines.index("doomed"))] += (lives ** (1 - r.doomed_share) - lives) * marrow.counts[rows]
        marrow.counts[rows] *= lives
    cd4, cd8 = model.species.lymphoid.cd4.resistant, model.species.lymphoid.cd8.resistant
    lives = {
        pool: damage.lymphocyte_survival(r, r.lymphocytes, share, dose, dose**2)
        for pool, share in (("b", r.resistant_share), ("cd4", cd4), ("cd8", cd8))
    } | {"nk": damage.survival(r.nk_cells, dose, dose**2)}
    for pool, share in lives.items():
        before = getattr(body, pool)
        setattr(body, pool, share * before)
        setattr(body, f"dying_{pool}", (1 - share) * before)
    body.nkp *= lives["nk"]
    body.dn = body.dn * damage.survival(r.thymocytes_dn, dose, dose**2)
    body.dp *= damage.survival(r.thymocytes_dp, dose, dose**2)
    body.sp4 *= damage.lymphocyte_survival(r, r.thymocytes_dp, cd4, dose, dose**2)
    body.sp8 *= damage.lymphocyte_survival(r, r.thymocytes_dp, cd8, dose, dose**2)
    marrow.vessel *= r.vessel_spared + (1 - r.vessel_spared) * damage.survival(r.endothelium, dose, dose**2)
    lost = (1 - r.stroma_spared) * (1 - damage.survival(r.stroma, dose, dose**2))
    marrow.stroma *= 1 - lost
    marrow.osteoblast *= 1 - lost


def run(model, days, dose):
    """Counts over rest on each day (days + 1, ...): dict of arrays."""
    species, tree = model.species, model.tree
    marrow, calm, h = twin.rest(model), model.blood_rest, HormoneState()
    made = dict(model.production, platelets=model.production["platelets"] * model.platelets_per_cell)
    b = blood.rest(species.blood, spleen.with_marrow(species.spleen, made))
    tissue, at_rest = spleen.rest(species.spleen, model.production)
    store, need = iron.IronState(), blood.production(species.blood)["reticulocytes"]
    body = lymphoid.rest(species.lymphoid, model.production, species.blood.volume)[0]
    whole, out = (
        species.stem_cells.everyone,
        {name: [] for name in ("stem_cells", "neutrophils", "platelets", "red_cells", "b_pool")},
    )

    def ratio(name, first=None):
        return sum(marrow.counts[tree.rows(name, k, first)].sum() for k in range(len(tree.lines))) / tree.rest[tree.rows(name, 0, first)].sum()

    for hour in range(24 * days + 1):
        if hour % 24 == 0:
            out["stem_cells"].append((marrow.quiescent + marrow.cycling).sum() / whole)
            out["neutrophils"].append(b.neutrophils / calm.neutrophils)
            out["platelets"].append(b.platelet.sum() / calm.platelet.sum())
            out["red_cells"].append((b.red.sum() + b.reticulocytes) / (calm.red.sum() + calm.reticulocytes))
            out["b_pool"].append(body.b / model.lymphoid_rest.b_pool)
        if hour == 0:
            irradiate(marrow, body, model, dose)
            for cells, name in ((tissue.erythroid, "BFU"), (tissue.granulocytes, "GM")):
                cells *= damage.survival(species.radiation.lineages[name], dose, dose**2)
        flow = dict(zip(EXITS, twin.advance(marrow, h, model, 1.0).reshape(-1, len(EXITS)).sum(axis=0)))
        flow["platelets"] *= model.platelets_per_cell * np.clip(h.tpo, 0.3, 30.0) ** species.hormones.tpo_on_platelets
        by_marrow = flow["reticulocytes"], flow["neutrophils"]
        for _ in range(4):
            red, white = spleen.advance(tissue, ratio("BFU"), ratio("GMP"), h.epo, species.spleen, at_rest, 0.25)
            wanted, back = by_marrow[0] + red, blood.destroyed(b, species.blood)
            fed = iron.advance(store, wanted / need, back / need, species.blood.red_cell_life, species.iron, 0.25)
            flow["reticulocytes"], flow["neutrophils"] = fed * wanted, by_marrow[1] + white
            blood.advance(b, flow, species.blood, 0.25, blood.haemoglobin(b, calm))
            lymphoid.advance(body, flow, species.lymphoid, model.lymphoid_rest, 0.25)
            cells = {
                "platelets": b.platelet.sum() / calm.platelet.sum(),
                "megakaryocytes": ratio("megakaryocyte"),
                "haemoglobin": (b.red.sum() + b.reticulocytes) / (calm.red.sum() + calm.reticulocytes),
                "erythroid": spleen.erythroid(tissue, species.spleen, at_rest, ratio("erythroblast", 3)),
                "HPC1": ratio("HPC1"),
                "CLP": ratio("CLP"),
                "neutrophils": b.neutrophils / calm.neutrophils,
                "reserve": ratio("reserve"),
            }
            hormones.advance(h, cells, species.hormones, 0.25)
    return {name: np.array(values) for name, values in out.items()}
