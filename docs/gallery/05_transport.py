"""
Transport by itself
===================

A source of one voxel that decays on its way, against the exact solution :math:`e^{-r/L} / (4 \\pi D r)`,
:math:`L = \\sqrt{D/\\lambda}`.
"""

import matplotlib.figure
import numpy as np

from marrow_niche.transport import solve_steady

diffusivity, loss, spacing, n = 10.0, 0.1, 2.0, 81
source = np.zeros((n, n, n))
source[n // 2, n // 2, n // 2] = 1.0 / spacing**3
c = solve_steady(source, diffusivity=diffusivity, loss=loss, spacing=spacing)

# %%
# Along the axis the two agree but for the first voxels, where a source of one voxel is no point.

r = spacing * np.arange(1, 21)
exact = np.exp(-r / np.sqrt(diffusivity / loss)) / (4 * np.pi * diffusivity * r)
figure = matplotlib.figure.Figure(figsize=(5, 3), layout="constrained")
ax = figure.add_subplot(xlabel="distance", ylabel="concentration", yscale="log")
ax.plot(r, exact, color="#5f6b78", label="exact")
ax.plot(r, c[n // 2, n // 2, n // 2 + 1 : n // 2 + 21], "o", ms=4, color="#0072B2", label="on the lattice")
ax.legend(frameon=False)
print(f"largest error beyond two voxels: {np.abs(c[n // 2, n // 2, n // 2 + 3 : n // 2 + 21] / exact[2:] - 1).max():.1%}")
