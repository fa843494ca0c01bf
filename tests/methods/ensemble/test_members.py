"""Members of filters: one name for texts, forms and results, and the former one is read."""

import pytest

from dalab.errors import InputError
from dalab.experiments.config import Config
from dalab.methods import METHODS
from dalab.methods.ensemble.letkf import LETKF
from dalab.views.model.controls import Controls


def test_the_former_name_means_the_same():
    assert METHODS.make("letkf:ensemble=10").members == METHODS.make("letkf:members=10").members
    assert LETKF(ensemble=10).members == LETKF(members=10).members == 10
    assert METHODS.describe(LETKF(ensemble=10)) == "letkf:members=10"


def test_both_names_at_once_are_refused():
    with pytest.raises(InputError, match="once"):
        METHODS.make("letkf:ensemble=10,members=12")
    with pytest.raises(InputError, match="option = 'members': must be given once"):
        LETKF(ensemble=10, members=12)


def test_bounds_name_the_present_option():
    with pytest.raises(InputError, match="members"):
        METHODS.make("pf:ensemble=1")


def test_a_link_with_the_former_name_fills_the_form():
    controls = Controls(methods=["pf:ensemble=50"], system="lorenz63", operators=["identity"])
    assert controls.method_options["pf"].members == 50
    assert controls.config().methods == ("pf:members=50",)


def test_files_keep_their_hash():
    assert Config(methods=["letkf:ensemble=10"]).methods == ("letkf:ensemble=10",)
