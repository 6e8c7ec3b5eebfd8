"""What the observers of faults assert is told in full, as it is of tests."""

import pytest

pytest.register_assert_rewrite("tests.unit.session.fault_observers")
