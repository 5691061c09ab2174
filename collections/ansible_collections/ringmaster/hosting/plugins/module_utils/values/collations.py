# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What databases of Debian 13 sort by: languages of PostgreSQL's ICU, character sets and collations of MariaDB.

A controller may have others, and is not asked. The drill ``samples`` compares these lists with a machine.
"""

from __future__ import annotations

import re

_ICU = """
    af agq ak am ar as asa ast az bas be bem bez bg bgc bho blo bm bn bo br brx bs ca ccp ce ceb cgg chr ckb
    cs csw cv cy da dav de dje doi dsb dua dyo dz ebu ee el en eo es et eu ewo fa ff fi fil fo fr fur fy ga
    gaa gd gl gsw gu guz gv ha haw he hi hr hsb hu hy ia id ie ig ii is it ja jgo jmc jv ka kab kam kde kea
    kgp khq ki kk kkj kl kln km kn ko kok ks ksb ksf ksh ku kw kxv ky lag lb lg lij lkt lmo ln lo lrc lt lu
    luo luy lv mai mas mer mfe mg mgh mgo mi mk ml mn mni mr ms mt mua my mzn naq nb nd nds ne nl nmg nn nnh
    no nqo nso nus nyn oc om or os pa pcm pl prg ps pt qu raj rm rn ro rof ru rw rwk sa sah saq sat sbp sc
    sd se seh ses sg shi si sk sl smn sn so sq sr st su sv sw syr szl ta te teo tg th ti tk tn to tok tr tt
    twq tzm ug uk und unicode ur uz vai vec vi vmw vun wae wo xh xnr xog yav yi yo yrl yue za zgh zh zu
"""
ICU_LANGUAGES = frozenset(_ICU.split())
"""Of ICU 76, as PostgreSQL 17 lists them (``pg_collation``)."""
_OF_SETS = {
    "armscii8": "bin general_ci general_nopad_ci nopad_bin",
    "ascii": "bin general_ci general_nopad_ci nopad_bin",
    "big5": "bin chinese_ci chinese_nopad_ci nopad_bin",
    "binary": "",
    "cp1250": "bin croatian_ci czech_cs general_ci general_nopad_ci nopad_bin polish_ci",
    "cp1251": "bin bulgarian_ci general_ci general_cs general_nopad_ci nopad_bin ukrainian_ci",
    "cp1256": "bin general_ci general_nopad_ci nopad_bin",
    "cp1257": "bin general_ci general_nopad_ci lithuanian_ci nopad_bin",
    "cp850": "bin general_ci general_nopad_ci nopad_bin",
    "cp852": "bin general_ci general_nopad_ci nopad_bin",
    "cp866": "bin general_ci general_nopad_ci nopad_bin",
    "cp932": "bin japanese_ci japanese_nopad_ci nopad_bin",
    "dec8": "bin nopad_bin swedish_ci swedish_nopad_ci",
    "eucjpms": "bin japanese_ci japanese_nopad_ci nopad_bin",
    "euckr": "bin korean_ci korean_nopad_ci nopad_bin",
    "gb2312": "bin chinese_ci chinese_nopad_ci nopad_bin",
    "gbk": "bin chinese_ci chinese_nopad_ci nopad_bin",
    "geostd8": "bin general_ci general_nopad_ci nopad_bin",
    "greek": "bin general_ci general_nopad_ci nopad_bin",
    "hebrew": "bin general_ci general_nopad_ci nopad_bin",
    "hp8": "bin english_ci english_nopad_ci nopad_bin",
    "keybcs2": "bin general_ci general_nopad_ci nopad_bin",
    "koi8r": "bin general_ci general_nopad_ci nopad_bin",
    "koi8u": "bin general_ci general_nopad_ci nopad_bin",
    "latin1": """
        bin danish_ci general_ci general_cs german1_ci german2_ci nopad_bin spanish_ci swedish_ci
        swedish_nopad_ci
    """,
    "latin2": "bin croatian_ci czech_cs general_ci general_nopad_ci hungarian_ci nopad_bin",
    "latin5": "bin nopad_bin turkish_ci turkish_nopad_ci",
    "latin7": "bin estonian_cs general_ci general_cs general_nopad_ci nopad_bin",
    "macce": "bin general_ci general_nopad_ci nopad_bin",
    "macroman": "bin general_ci general_nopad_ci nopad_bin",
    "sjis": "bin japanese_ci japanese_nopad_ci nopad_bin",
    "swe7": "bin nopad_bin swedish_ci swedish_nopad_ci",
    "tis620": "bin nopad_bin thai_ci thai_nopad_ci",
    "ucs2": """
        bin croatian_ci croatian_mysql561_ci czech_ci danish_ci esperanto_ci estonian_ci general_ci
        general_mysql500_ci general_nopad_ci german2_ci hungarian_ci icelandic_ci latvian_ci lithuanian_ci
        myanmar_ci nopad_bin persian_ci polish_ci romanian_ci roman_ci sinhala_ci slovak_ci slovenian_ci
        spanish2_ci spanish_ci swedish_ci thai_520_w2 turkish_ci unicode_520_ci unicode_520_nopad_ci
        unicode_ci unicode_nopad_ci vietnamese_ci
    """,
    "ujis": "bin japanese_ci japanese_nopad_ci nopad_bin",
    "utf16": """
        bin croatian_ci croatian_mysql561_ci czech_ci danish_ci esperanto_ci estonian_ci general_ci
        general_nopad_ci german2_ci hungarian_ci icelandic_ci latvian_ci lithuanian_ci myanmar_ci nopad_bin
        persian_ci polish_ci romanian_ci roman_ci sinhala_ci slovak_ci slovenian_ci spanish2_ci spanish_ci
        swedish_ci thai_520_w2 turkish_ci unicode_520_ci unicode_520_nopad_ci unicode_ci unicode_nopad_ci
        vietnamese_ci
    """,
    "utf16le": "bin general_ci general_nopad_ci nopad_bin",
    "utf32": """
        bin croatian_ci croatian_mysql561_ci czech_ci danish_ci esperanto_ci estonian_ci general_ci
        general_nopad_ci german2_ci hungarian_ci icelandic_ci latvian_ci lithuanian_ci myanmar_ci nopad_bin
        persian_ci polish_ci romanian_ci roman_ci sinhala_ci slovak_ci slovenian_ci spanish2_ci spanish_ci
        swedish_ci thai_520_w2 turkish_ci unicode_520_ci unicode_520_nopad_ci unicode_ci unicode_nopad_ci
        vietnamese_ci
    """,
    "utf8mb3": """
        bin croatian_ci croatian_mysql561_ci czech_ci danish_ci esperanto_ci estonian_ci general1400_as_ci
        general_ci general_mysql500_ci general_nopad_ci german2_ci hungarian_ci icelandic_ci latvian_ci
        lithuanian_ci myanmar_ci nopad_bin persian_ci polish_ci romanian_ci roman_ci sinhala_ci slovak_ci
        slovenian_ci spanish2_ci spanish_ci swedish_ci thai_520_w2 turkish_ci unicode_520_ci
        unicode_520_nopad_ci unicode_ci unicode_nopad_ci vietnamese_ci
    """,
    "utf8mb4": """
        0900_ai_ci 0900_as_ci 0900_as_cs 0900_bin bin croatian_ci croatian_mysql561_ci cs_0900_ai_ci
        cs_0900_as_cs czech_ci danish_ci da_0900_ai_ci da_0900_as_cs de_pb_0900_ai_ci de_pb_0900_as_cs
        eo_0900_ai_ci eo_0900_as_cs esperanto_ci estonian_ci es_0900_ai_ci es_0900_as_cs es_trad_0900_ai_ci
        es_trad_0900_as_cs et_0900_ai_ci et_0900_as_cs general1400_as_ci general_ci general_nopad_ci
        german2_ci hr_0900_ai_ci hr_0900_as_cs hungarian_ci hu_0900_ai_ci hu_0900_as_cs icelandic_ci
        is_0900_ai_ci is_0900_as_cs latvian_ci la_0900_ai_ci la_0900_as_cs lithuanian_ci lt_0900_ai_ci
        lt_0900_as_cs lv_0900_ai_ci lv_0900_as_cs myanmar_ci nopad_bin persian_ci pl_0900_ai_ci
        pl_0900_as_cs polish_ci romanian_ci roman_ci ro_0900_ai_ci ro_0900_as_cs sinhala_ci sk_0900_ai_ci
        sk_0900_as_cs slovak_ci slovenian_ci sl_0900_ai_ci sl_0900_as_cs spanish2_ci spanish_ci
        sv_0900_ai_ci sv_0900_as_cs swedish_ci thai_520_w2 tr_0900_ai_ci tr_0900_as_cs turkish_ci
        unicode_520_ci unicode_520_nopad_ci unicode_ci unicode_nopad_ci vietnamese_ci vi_0900_ai_ci
        vi_0900_as_cs
    """,
}
"""The collations of each character set of MariaDB 11.8, without its name before them."""
_WITH_UNICODE = ("ucs2", "utf16", "utf32", "utf8mb3", "utf8mb4")
_UNICODE_LANGUAGES = """
    croatian czech danish esperanto estonian german2 hungarian icelandic latvian lithuanian persian polish
    roman romanian sinhala slovak slovenian spanish spanish2 swedish turkish vietnamese
"""
_UNICODE = tuple(
    f"uca1400_{language}{pad}{accents}_{case}"
    for language in ("", *(f"{one}_" for one in _UNICODE_LANGUAGES.split()))
    for pad in ("", "nopad_")
    for accents in ("ai", "as")
    for case in ("ci", "cs")
)
COLLATIONS = {
    name: frozenset(f"{name}_{tail}" if tail else name for tail in (*tails.split(), *unicode))
    for name, tails in _OF_SETS.items()
    for unicode in (_UNICODE if name in _WITH_UNICODE else (),)
} | {"binary": frozenset({"binary"})}
"""By character set: its collations."""
_UTF8 = re.compile("utf8(?=_|$)")


def todays(name: str) -> str:
    """Return a character set or collation as MariaDB says it: its ``utf8`` is ``utf8mb3``."""
    return _UTF8.sub("utf8mb3", name)


def icu_problem(locale: str) -> str:
    """Return what is wrong with a locale of ICU, to follow it in a sentence; nothing when its language is known."""
    language = re.split("[-_@]", locale.lower(), maxsplit=1)[0]
    if language in ICU_LANGUAGES or language == "root":
        return ""
    return f"has the language '{language}', which ICU of Debian 13 does not know"


def problem(character_set: str, collation: str) -> str:
    """Return what is wrong with a database's character set and collation; each may be empty."""
    of_set, wanted = todays(character_set), todays(collation)
    if of_set and of_set not in COLLATIONS:
        return f"the character set '{character_set}' is none of MariaDB 11.8: {', '.join(COLLATIONS)}"
    if not wanted:
        return ""
    known = COLLATIONS[of_set] if of_set else frozenset().union(*COLLATIONS.values())
    if wanted in known or (wanted in _UNICODE and (of_set or "utf8mb4") in _WITH_UNICODE):
        return ""
    where = f"of the character set '{character_set}'" if of_set else "of MariaDB 11.8"
    return f"the collation '{collation}' is none {where}"
