"""What customers write is shown on pages as they wrote it, and runs nowhere."""

from __future__ import annotations

from html import unescape

from page_visits import Pages

TEXTS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</title><svg onload=a()>",
    "{{ 7*7 }} {% for x in [] %}",
    "${7*7} #{7*7} {0.__class__} %(x)s { $x }",
    "=1+1 @SUM(A1)",
)


async def test_a_text_is_shown_as_text_to_customer_and_desk(pages: Pages) -> None:
    number = await pages.ask(text="\n".join(TEXTS))
    for address in (pages.customer(number), pages.desk(number)):
        page = await pages.browser.get(address)
        assert page.status_code == 200
        shown = unescape(page.text)
        for text in TEXTS:
            assert text in shown
        for live in ("<script>alert", "<img src=x", "<svg onload"):
            assert live not in page.text


async def test_an_address_with_a_line_end_or_a_script_comes_back_in_no_header_and_no_page(pages: Pages) -> None:
    for address in (
        "/r/x%0d%0aSet-Cookie:%20a=1?k=%0d%0ab",
        "/r/%3Cscript%3Ealert(1)%3C/script%3E?k=x",
        "/r/..%2f..%2fetc?k=x",
    ):
        page = await pages.browser.get(address, headers={"accept-language": "<script>x</script>"})
        assert page.status_code in {400, 403, 404}
        assert "set-cookie" not in page.headers
        assert "<script>" not in page.text
