import os
import sys
import time
from pathlib import Path

import pytest

from sttkit.conformance.pool import Answer, Lost, Pool

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals")


def work(job):
    """Runs in a worker."""
    what, _, rest = job.partition(" ")
    if what == "exit":
        os._exit(int(rest))
    if what == "sleep":
        time.sleep(float(rest))
    if what == "abort":
        os.abort()
    if what == "raise":
        raise ValueError(rest)
    if what == "unpicklable":
        return Answer(lambda: None)
    if what == "niceness":
        deadline = time.monotonic() + 20
        while os.nice(0) <= int(rest) and time.monotonic() < deadline:
            time.sleep(0.01)
        return Answer((job, os.nice(0)))
    if what == "meet":
        # Comes back once another process has come to the same place.
        folder = Path(rest)
        (folder / str(os.getpid())).touch()
        deadline = time.monotonic() + 20
        while len(list(folder.iterdir())) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        return Answer((job, len(list(folder.iterdir()))))
    if what == "print":
        print("on standard output")
        os.write(2, b"on standard error\n")
    return Answer((job, os.getpid()), retire=what == "retire")


def results(*jobs, size=2, limit_s=30.0):
    with Pool(work, size=size, limit_s=limit_s) as pool:
        for job in jobs:
            pool.submit(job)
        return dict(pool.results())


def test_every_job_is_answered():
    jobs = [f"job {number}" for number in range(8)]
    assert {job: answer[0] for job, answer in results(*jobs).items()} == {job: job for job in jobs}


def test_no_more_processes_than_were_allowed():
    found = results(*(f"job {number}" for number in range(8)), size=2)
    assert len({pid for _, pid in found.values()}) <= 2


def test_jobs_that_wait_do_not_queue_behind_those_that_compute(tmp_path):
    with Pool(work, size=1, waiting=2, waits=lambda job: job.startswith("meet")) as pool:
        for job in ("job 1", f"meet {tmp_path}", "job 2", f"meet {tmp_path}"):
            pool.submit(job)
        answers = [answer for job, answer in pool.results() if job.startswith("meet")]
    assert [answer[1] for answer in answers if not isinstance(answer, Lost)] == [2, 2]


@posix
def test_jobs_that_compute_step_back_for_those_that_wait():
    with Pool(work, size=1, waiting=1, waits=lambda job: job == "job that waits") as pool:
        pool.submit(f"niceness {os.nice(0)}")
        pool.submit("job that waits")
        found = dict(pool.results())
    assert found[f"niceness {os.nice(0)}"][1] > os.nice(0)


def test_waiting_jobs_that_have_not_begun_can_be_withdrawn_too(tmp_path):
    with Pool(work, size=1, waiting=1, waits=lambda job: job.endswith("waits")) as pool:
        for job in ("1 waits", "2 waits", "3"):
            pool.submit(job)
        assert pool.withdraw(lambda job: job in ("2 waits", "3")) == ["3", "2 waits"]
        assert [job for job, _ in pool.results()] == ["1 waits"]


def test_a_worker_that_is_unfit_is_replaced():
    found = results("retire 1", "job 2", size=1)
    assert found["retire 1"][1] != found["job 2"][1]


def test_a_worker_that_dies_loses_its_job_only():
    found = results("exit 5", "job 2", "job 3", size=1)
    assert found["exit 5"].how == "died"
    assert found["exit 5"].detail == "exit status 5"
    assert found["job 3"][0] == "job 3"


@posix
def test_a_crash_says_where():
    lost = results("abort")["abort"]
    assert lost.detail.startswith("killed by SIGABRT; it stood at File")
    assert "in work" in lost.detail


@posix
def test_a_worker_that_does_not_come_back_is_killed_and_says_where_it_stood():
    found = results("sleep 600", "job 2", size=1, limit_s=5.0)
    assert found["sleep 600"].how == "frozen"
    assert "in work" in found["sleep 600"].detail
    assert found["job 2"][0] == "job 2"


def test_a_job_that_raises_says_what():
    lost = results("raise it")["raise it"]
    assert isinstance(lost, Lost)
    assert lost.detail.strip().endswith("ValueError: it")


def test_an_answer_that_cannot_travel_is_a_lost_job():
    assert results("unpicklable")["unpicklable"].how == "failed"


def test_workers_print_nothing(capfd):
    results("print")
    assert capfd.readouterr() == ("", "")


def test_jobs_can_be_added_while_results_are_read():
    with Pool(work, size=1) as pool:
        pool.submit("job 1")
        seen = []
        for job, _ in pool.results():
            seen.append(job)
            if job == "job 1":
                pool.submit("job 2")
                pool.submit("job 3", first=True)
    assert seen == ["job 1", "job 3", "job 2"]


def test_waiting_jobs_can_be_withdrawn():
    with Pool(work, size=1) as pool:
        for number in range(4):
            pool.submit(f"job {number}")
        seen = []
        for job, _ in pool.results():
            seen.append(job)
            pool.withdraw(lambda job: job != "job 3")
    assert seen == ["job 0", "job 3"]


def test_leaving_in_the_middle_ends_the_workers():
    began = time.monotonic()
    with Pool(work, size=2) as pool:
        pool.submit("job 1")
        pool.submit("sleep 600")
        job, answer = next(pool.results())
        assert job == "job 1"
        assert not isinstance(answer, Lost)
    assert time.monotonic() - began < 30
    with pytest.raises(ProcessLookupError):
        os.kill(answer[1], 0)
