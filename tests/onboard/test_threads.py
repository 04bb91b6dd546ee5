"""Shared work gives what plain work gives, whatever the number of threads, and shares within shares come to an end."""

import numpy as np
import pytest

from sensorproc.onboard import threads


@pytest.fixture(autouse=True)
def two_threads_afterwards():
    yield
    threads.use(2)


@pytest.mark.parametrize("n_threads", [1, 2, 3, 7])
def test_results_come_in_order_and_rows_are_done_once(n_threads):
    threads.use(n_threads)
    assert threads.each(lambda k: k * k, range(50)) == [k * k for k in range(50)]
    rows = np.zeros(101, int)

    def work(first, last):
        rows[first:last] += 1

    threads.in_rows(len(rows), work)
    assert (rows == 1).all()


@pytest.mark.parametrize("n_threads", [2, 3])
def test_shares_within_shares_do_not_wait_for_one_another(n_threads):
    threads.use(n_threads)
    inner = threads.each(lambda k: threads.each(lambda j: j + 10 * k, range(5)), range(20))
    assert inner == [[j + 10 * k for j in range(5)] for k in range(20)]


def test_an_error_in_a_share_is_the_callers():
    with pytest.raises(ZeroDivisionError):
        threads.each(lambda k: 1 // k, [1, 0, 2])
