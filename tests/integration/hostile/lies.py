# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ways of the liar to lie, and what becomes of each."""

REFUSED = {
    "endless": "answered more than 16 MiB, and was cut off",
    "ten_gigabytes": "answered more than 16 MiB, and was cut off",
    "dripping": "has not ended within 15 seconds, and was cut off",
    "deaf": "has not ended within 15 seconds, and was cut off",
    "nothing": "the answer of a module is none: nothing",
    "charset": "the answer of a module is none: 'Gr",
    "steering": "is not taken: 'add_host'; expected is data",
    "facts": "expected is no facts",
    "foreign": "is not taken: 'changed_paths'",
}
"""What monitoring is told of each lie."""
OWN_FAULT = ("escapes",)
"""Who says in due form that it failed."""
WELL = ("words", "clock_1970", "clock_2100")
"""Who does what it is told, and says it in other words or at another time."""
