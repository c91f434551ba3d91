"""The Spanish texts of the pages and mails: complete, none left over, and compiled from what is written."""

import ast
import gettext
import re

import pytest
from django.core import mail
from django.utils import translation

from ccx_tenancy.portal.models import Order
from tests.conftest import ROOT
from tests.portal import world

ROOM = ROOT / "ccx_tenancy" / "portal"
FOLDER = ROOM / "locale" / "es" / "LC_MESSAGES"
#: What only staff sees in Django's admin, and the names of columns, are English.
STAFF = {"admin.py", "models.py", "apps.py"}
TRANSLATE = re.compile(r"{%\s*translate\s+(?:\"([^\"]*)\"|'([^']*)')")
BLOCK = re.compile(r"{%\s*blocktranslate[^%]*%}(.*?){%\s*endblocktranslate\s*%}", re.DOTALL)
FUNCTIONS = {"_", "gettext", "gettext_lazy"}


def written():
    """The catalogue: texts by their ids, of plurals both."""
    with (FOLDER / "django.po").open(encoding="utf-8") as file:
        entries = re.split(r"\n\n", file.read())[1:]
    found = {}
    for entry in entries:
        values = {}
        for name, text in re.findall(r'^(msg\S+) ((?:"(?:[^"\\]|\\.)*"\s*)+)', entry, re.MULTILINE):
            values[name] = "".join(ast.literal_eval(line) for line in text.splitlines())
        found[values["msgid"]] = values
    return found


def used():
    """The texts that templates and modules ask for."""
    found = set()
    for template in ROOM.rglob("templates/**/*.*"):
        text = template.read_text(encoding="utf-8")
        found.update(first or second for first, second in TRANSLATE.findall(text))
        for block in BLOCK.findall(text):
            found.add(re.sub(r"{{ (\w+) }}", r"%(\1)s", block.partition("{% plural %}")[0]))
    for module in ROOM.rglob("*.py"):
        if module.name in STAFF or "migrations" in module.parts:
            continue
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in FUNCTIONS:
                found.update(one.value for one in node.args if isinstance(one, ast.Constant))
    return found


@pytest.mark.once
def test_every_text_of_pages_and_mails_is_translated():
    texts = written()
    assert used() - texts.keys() == set()
    for name, values in texts.items():
        translated = [text for key, text in values.items() if key.startswith("msgstr")]
        assert all(translated), name
        for text in translated:
            assert set(re.findall(r"%\(\w+\)s", text)) == set(re.findall(r"%\(\w+\)s", name)), name


@pytest.mark.once
def test_no_text_is_left_over():
    names = {str(label) for label in Order.State.labels}
    shown = {"fulfilled", "full name", "organization", "organization's short name", "Teacher's Portal"}
    shown.add("As it stands in the course keys of the learning platform, where it runs courses there.")
    shown.add("%(portal)s, order %(number)s")  # What the gateway's receipt says.
    assert written().keys() - used() - names - shown == set()


@pytest.mark.once
def test_the_compiled_texts_are_those_of_the_source():
    with (FOLDER / "django.mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    for name, values in written().items():
        if "msgid_plural" in values:
            for number, key in ((1, "msgstr[0]"), (2, "msgstr[1]")):
                assert compiled.ngettext(name, values["msgid_plural"], number) == values[key]
        else:
            assert compiled.gettext(name) == values["msgstr"]


@pytest.mark.django_db
def test_a_spanish_portal_speaks_spanish_from_the_catalogue_to_the_order(course, buyer, owner):
    with translation.override("es"):
        client = world.client_of(buyer)
        answer = world.order_by_pages(client, course, 3)
        pages = {path: client.get(path).content.decode() for path in ("/", "/cart/", "/orders/", answer["Location"])}
        assert "Gracias: tu pedido está pagado." in pages[answer["Location"]]
        assert "Todavía no se ofrece" not in pages["/"] and "por plaza, todos los módulos" in pages["/"]
        assert "Tu carrito está vacío." in pages["/cart/"]
        assert "pagado; en preparación" in pages["/orders/"]
        assert "Ofrecer este curso" in world.client_of(owner).get(f"/teach/{course.uuid}/").content.decode()
        assert all('<html lang="es">' in text for text in pages.values())


@pytest.mark.django_db
def test_a_mail_is_in_the_language_of_the_page(client, monkeypatch):
    monkeypatch.setattr("django.db.transaction.on_commit", lambda function, **_: function())
    form = {"full_name": "Ana", "organization": "Escuela", "email": "ana@example.com", "password": world.PASSWORD}
    with translation.override("es"):
        client.post("/register/", form)
    assert "pidió una cuenta" in mail.outbox[0].body
    assert mail.outbox[0].subject.startswith("Tu cuenta en")
