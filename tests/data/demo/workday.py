"""Working days of 2025 and of the first months of 2026.

Days off are the State Council's; the weekends worked in exchange are left out, so that a log line never falls on a
weekend.
"""

from datetime import date, timedelta

OFF = [
    ("2025-01-01", "2025-01-01"), ("2025-01-28", "2025-02-04"), ("2025-04-04", "2025-04-06"),
    ("2025-05-01", "2025-05-05"), ("2025-05-31", "2025-06-02"), ("2025-10-01", "2025-10-08"),
    ("2026-01-01", "2026-01-03"), ("2026-02-15", "2026-02-23"), ("2026-04-04", "2026-04-06"),
]


def is_workday(day):
    return day.weekday() < 5 and not any(a <= day.isoformat() <= b for a, b in OFF)


def workdays(year, month):
    day, days = date(year, month, 1), []
    while day.month == month:
        if is_workday(day):
            days.append(day.isoformat())
        day += timedelta(1)
    return days


def payday(year, month):
    """The 25th, or the last working day before it."""
    day = date(year, month, 25)
    while not is_workday(day):
        day -= timedelta(1)
    return day.isoformat()
