#!/usr/bin/env python3
"""Writes the demo's data: a year of eight unions as CSV, the same bytes every time.

    python3 make.py            write the files
    python3 make.py --check    compare the files on disk with what would be written, then judge them (verify.py)

README.md says where each number comes from and what was decided. Standard library only, Python 3.9 or later.
"""

import pathlib
import sys

sys.dont_write_bytecode = True

import beijing
import book
import jiangsu
import transfers
import verify

HERE = pathlib.Path(__file__).resolve().parent


def build():
    transfers.programmes()
    yancheng_parts = jiangsu.yancheng()
    jiangsu_budget = jiangsu.jiangsu()
    jiangsu.funing()
    jiangsu.binhai()  # after Funing: three people are known to both
    beijing_budget = beijing.beijing()
    early = beijing.xicheng(*beijing.pinggu())
    transfers.transfers(*yancheng_parts, jiangsu_budget, beijing_budget, early)
    book.in_order()


def main():
    build()
    made = book.written()
    there = {str(path.relative_to(HERE).as_posix()) for path in HERE.rglob("*.csv")}
    if "--check" in sys.argv[1:]:
        wrong = sorted(there ^ set(made)) + sorted(
            name for name in there & set(made) if (HERE / name).read_bytes() != made[name])
        if wrong:
            sys.exit("not what make.py writes; run it again: " + " ".join(wrong))
        verify.verify(HERE)
        return
    for name in there - set(made):
        (HERE / name).unlink()
    for name, content in made.items():
        path = HERE / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    print("%d files, %d bytes" % (len(made), sum(map(len, made.values()))))


if __name__ == "__main__":
    main()
