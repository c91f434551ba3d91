"""The Spanish texts: complete, and compiled from what is written."""

import gettext
import re

from sandbox.paths import BASE

FOLDER = BASE / "locale" / "es" / "LC_MESSAGES"
USED = re.compile(r"{% translate (?:\"([^\"]+)\"|'([^']+)')|{% blocktranslate[^%]*%}(.*?){% endblocktranslate %}")


def written():
    source = (FOLDER / "django.po").read_text(encoding="utf-8")
    return dict(re.findall(r'^msgid "(.+)"\nmsgstr "(.*)"$', source, re.MULTILINE))


def test_the_compiled_texts_are_those_of_the_source():
    with (FOLDER / "django.mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    texts = written()
    assert texts
    assert {name: compiled.gettext(name) for name in texts} == texts


def test_every_text_of_the_pages_is_translated_and_none_is_left_over():
    used = set()
    for template in BASE.rglob("*.html"):
        for groups in USED.findall(template.read_text(encoding="utf-8")):
            used.add(re.sub(r"{{ (\w+) }}", r"%(\1)s", next(group for group in groups if group)))
    for module in BASE.rglob("*.py"):
        used.update(re.findall(r'\b_\("([^"]+)"\)', module.read_text(encoding="utf-8")))
    texts = written()
    assert used == set(texts)
    assert all(texts.values())
