"""Other ways of reading than in colours, with motion, on a screen: what static/css/modes.css is for."""

from playwright.sync_api import Page

# What stands otherwise in each of these modes.
LOOKS = """() => {
    const look = (selector) => getComputedStyle(document.querySelector(selector));
    return {
        lineKeepsItsColour: look(".hop__line").forcedColorAdjust,
        iconMoves: look(".check > .icon").transitionProperty,
        topBar: look(".top").display,
    };
}"""


def test_forced_colours_reduced_motion_and_paper_are_heeded(browser_page: Page) -> None:
    page = browser_page
    page.goto("/_components/")
    usual = page.evaluate(LOOKS)

    page.emulate_media(forced_colors="active")
    forced = page.evaluate(LOOKS)
    page.emulate_media(forced_colors="none", reduced_motion="reduce")
    still = page.evaluate(LOOKS)
    page.emulate_media(reduced_motion="no-preference", media="print")
    printed = page.evaluate(LOOKS)

    assert usual["topBar"] != "none"
    assert forced == usual | {"lineKeepsItsColour": "none"}  # or the line of a chain would vanish
    assert still == usual | {"iconMoves": "none"}
    assert printed == usual | {"topBar": "none"}
