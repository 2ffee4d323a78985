"""Numbers that must carry a right check digit, and draws that never depend on the Python version.

Nothing here knows about unions or money. `random` is not used: its methods are not promised to give the same values in
every Python, and one draw more would move all that follow. A draw here depends on its own key only.
"""

import hashlib

ORG = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"  # GB 11714
USCC = "0123456789ABCDEFGHJKLMNPQRTUWXY"  # GB 32100: no I O S V Z


def draw(n, *key):
    """A number in 0..n-1 that belongs to this key."""
    text = "huiliu-demo-1|" + "|".join(str(part) for part in key)
    return int.from_bytes(hashlib.sha256(text.encode("utf-8")).digest()[:8], "big") % n


def pick(choices, *key):
    return choices[draw(len(choices), *key)]


def between(low, high, *key):
    return low + draw(high - low + 1, *key)


def resident_check(body):
    """GB 11643-1999, ISO 7064 MOD 11-2."""
    total = sum(int(c) * (pow(2, 17 - i) % 11) for i, c in enumerate(body))
    return "10X98765432"[total % 11]


def resident_id(address, born, sequence):
    body = "%s%s%03d" % (address, born.replace("-", ""), sequence)
    return body + resident_check(body)


def org_check(body):
    """GB 11714, the ninth character of an organisation code."""
    total = sum(ORG.index(c) * w for c, w in zip(body, (3, 7, 9, 10, 5, 8, 4, 2)))
    return "0123456789X0"[11 - total % 11]


def uscc_check(body):
    """GB 32100-2015, the eighteenth character of a unified social credit code."""
    total = sum(USCC.index(c) * (pow(3, i) % 31) for i, c in enumerate(body))
    return USCC[(31 - total % 31) % 31]


def credit_code(prefix, region, org):
    """`prefix`: 91 an enterprise, 81 a lower union. `org`: the first eight characters of the organisation code."""
    body = prefix + region + org + org_check(org)
    return body + uscc_check(body)


# The vectors of domain §2.5.
assert resident_check("11010519491231002") == "X"
assert resident_id("320922", "1990-01-01", 1) == "32092219900101001X"
assert resident_id("110117", "1958-06-15", 2) == "110117195806150026"
assert credit_code("81", "320922", "MC000001") == "81320922MC0000012R"
assert credit_code("81", "110117", "MC000002") == "81110117MC0000020J"
assert all(c[17] == uscc_check(c[:17]) for c in ("91350100M000100Y43", "91440101MA5CJQ4N59", "91350200MA2YJ1XR9G"))
