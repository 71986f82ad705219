"""Templates: in the recipient's language, a missing variable is an error that names it, nothing escapes the sandbox."""

from __future__ import annotations

from pathlib import Path

import pytest

from graph_crm.delivery.templates.library import Templates
from graph_crm.errors import ConfigurationError, NotFound, TemplateFailed
from graph_crm.resources import folder

SHIPPED = folder("seed") / "templates"


def own(tmp_path: Path, text: str, name: str = "greeting", language: str = "en") -> Templates:
    (tmp_path / language).mkdir(exist_ok=True)
    (tmp_path / language / f"{name}.toml").write_text(text, "utf-8")
    return Templates([tmp_path])


def test_every_shipped_template_can_be_put_into_words_in_both_languages() -> None:
    templates = Templates.load(SHIPPED)
    assert templates.problems() == []
    assert templates.languages == ["en", "pl"]
    for name in templates.names:
        assert templates.get(name, "pl").language == "pl"
        assert templates.get(name, "pl").description


@pytest.mark.parametrize("name", [file.stem for file in sorted((SHIPPED / "en").glob("*.toml"))])
def test_a_template_needs_no_more_than_what_must_be_there(name: str) -> None:
    needed = {
        "number": "R-1",
        "product": "Loan",
        "link": "https://x",
        "question": "?",
        "unsubscribe_url": "https://u",
        "name": None,
    }
    for language in ("en", "pl"):
        assert Templates.load(SHIPPED).get(name, language).render(needed).text


def test_a_missing_variable_is_an_error_that_names_it() -> None:
    with pytest.raises(TemplateFailed, match="the variable number is missing") as failed:
        Templates.load(SHIPPED).get("request_acknowledged").render({})
    assert failed.value.details == {"template": "request_acknowledged", "variable": "number"}


@pytest.mark.parametrize(("asked", "got"), [("pl", "pl"), ("pl-PL", "pl"), ("PL_pl", "pl"), ("cs", "en"), (None, "en")])
def test_a_language_that_is_not_there_is_said_in_english(asked: str | None, got: str) -> None:
    assert Templates.load(SHIPPED).get("offer_mail", asked).language == got


def test_the_banks_own_template_wins(tmp_path: Path) -> None:
    (tmp_path / "en").mkdir()
    (tmp_path / "en" / "offer_sms.toml").write_text("text = 'Ours: {{ product }}'", "utf-8")
    templates = Templates.load(SHIPPED, tmp_path)
    assert templates.get("offer_sms").render({"product": "loan"}).text == "Ours: loan"
    assert templates.get("offer_sms", "pl").language == "pl"


def test_times_days_and_money_are_told_as_the_recipient_writes_them(tmp_path: Path) -> None:
    text = "text = '{{ at | moment }} / {{ at | day }} / {{ 123456 | money(\"PLN\") }}'"
    values = {"at": "2026-11-25T23:30:00+00:00"}
    english = own(tmp_path, text).get("greeting").render(values, zone="Europe/Warsaw").text
    assert english == "26 November 2026, 00:30 / 26 November 2026 / PLN1,234.56"
    assert own(tmp_path, text).get("greeting").render(values).text.startswith("25 November 2026, 23:30 UTC")
    polish = own(tmp_path, text, language="pl").get("greeting", "pl").render(values, zone="Europe/Warsaw").text
    assert polish.startswith("26 listopada 2026, 00:30 / 26 listopada 2026")


def test_a_page_is_escaped_and_a_text_is_not(tmp_path: Path) -> None:
    done = own(tmp_path, "text = '{{ x }}'\nhtml = '<p>{{ x }}</p>'").get("greeting").render({"x": "<b>&"})
    assert (done.text, done.html) == ("<b>&", "<p>&lt;b&gt;&amp;</p>")


@pytest.mark.parametrize("value", ["a\nBcc: everybody@example.com", "a\r\nX: y"])
def test_a_subject_never_has_a_second_line(tmp_path: Path, value: str) -> None:
    template = own(tmp_path, "subject = '{{ x }}'\ntext = 't'").get("greeting")
    with pytest.raises(TemplateFailed, match="several lines"):
        template.render({"x": value})
    assert "\n" not in str(own(tmp_path, "subject = '{{ x | line }}'\ntext = 't'").get("greeting").render({"x": value}))


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ x.__init__.__globals__ }}",
        "{{ cycler.__init__ }}",
        "{% for i in range(100000000) %}x{% endfor %}",
        "{{ 1 // 0 }}",
        "{{ x | money('?') }}",
        "{% include 'other' %}",
        "{% set y = x.update({'a': 1}) %}",
        "   ",
    ],
)
def test_what_a_template_may_not_do_is_an_error_of_the_template(tmp_path: Path, source: str) -> None:
    template = own(tmp_path, f'text = """{source}"""').get("greeting")
    with pytest.raises(TemplateFailed, match="Template greeting, text"):
        template.render({"x": {}})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("text = 'a", r"^The template .*greeting\.toml is no TOML: "),
        ("subject = 'a'", "the part text is missing"),
        ("text = 'a'\nbody = 'b'", "body is not known"),
        ("text = '{% if %}'", "text, line 1"),
        ("text = 'a'\nsubject = 3", "subject is no text"),
        ("text = 'a'\nexample = 3", "example is no table"),
    ],
)
def test_a_file_that_cant_be_used_is_refused_with_its_name(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ConfigurationError, match=told) as refused:
        own(tmp_path, text)
    assert "en/greeting.toml" in refused.value.message


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="is not there"):
        Templates.load(SHIPPED, tmp_path / "none")


def test_an_unknown_template_is_told_with_those_that_there_are() -> None:
    with pytest.raises(NotFound, match="there is no template offer_fax") as refused:
        Templates.load(SHIPPED).get("offer_fax")
    assert "offer_mail" in (refused.value.hint or "")


def test_the_check_finds_an_example_that_does_not_fit(tmp_path: Path) -> None:
    own(tmp_path, "text = '{{ a }}'\n[example]\nb = 1")
    templates = own(tmp_path, "text = '{{ a }}'\n[example]\na = 1", language="pl")
    assert templates.problems() == [
        "en/greeting: Template greeting, text: the variable a is missing",
        "pl/greeting: its example has other variables than en: a, b",
    ]
