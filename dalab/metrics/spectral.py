r"""Spectrum of a field: its variance by scale.

With Fourier coefficients c_{lk} (the transform divided by the number of cells), the variance at the
wavenumber K, in cycles per domain, is

.. math:: S_K = \sum_{K - 1/2 \le \sqrt{l^2 + k^2} < K + 1/2} |c_{lk}|^2 ,

so that the sum over all K, the mean (K = 0) left out, is the variance of the field. A ring of sites
has one row of cells.

In words: the shares of the field in large and in small structures. An ensemble mean is too
smooth where the data say little; members of a calibrated posterior have the spectrum of the truth.
"""

from __future__ import annotations

import numpy as np
import xarray as xr


def spectrum(field: xr.DataArray) -> xr.DataArray:
    """Mean spectrum of a field, dim ``wavenumber``, from 1 to half the number of columns.

    Args:
        field: with dims ``y, x``, and any others, over which spectra are averaged.
    """
    values = field.transpose(..., "y", "x").values.astype("float64")
    rows, columns = values.shape[-2:]
    power = np.abs(np.fft.fft2(values, norm="forward")) ** 2
    power = power.reshape(-1, rows, columns).mean(0)
    l, k = np.fft.fftfreq(rows, 1 / rows), np.fft.fftfreq(columns, 1 / columns)
    shell = np.rint(np.hypot(l[:, None], k)).astype(int)
    binned = np.bincount(shell.ravel(), power.ravel())[1 : columns // 2 + 1]
    return xr.DataArray(
        binned, coords={"wavenumber": np.arange(1, len(binned) + 1)}, dims="wavenumber",
        attrs={"long_name": "variance per wavenumber", "units": "1"},
    )
