"""Every edit of the catalog is on its page, with a control for each thing that it can be told."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from retouch import catalog
from tests.studio.browser.desk import Desk
from tests.studio.test_page import table_of

FILES = ("picture", "pictures", "latent", "latents", "mask", "masks")

DRAWN = {("blend", "mask_on"), ("draw", "mask")}
"""What the page knows from where something was drawn, and so does not ask."""


@pytest.mark.parametrize("edit", catalog.EDITS, ids=lambda edit: edit.name)
def test_an_edit_has_all_its_controls(desk: Desk, edit: catalog.Edit) -> None:
    desk.open(edit.task)
    if sum(other.task == edit.task for other in catalog.EDITS) > 1:
        tab = desk.page.get_by_role("tablist", name="Edits").get_by_role(
            "tab", name=edit.name.title(), exact=True
        )
        tab.click()
        expect(tab).to_have_attribute("aria-selected", "true")
    expect(desk.page.get_by_text(edit.summary).first).to_be_visible()
    for option in edit.options():
        if option.kind == "picture" and option.required:
            desk.step_of(option.name)
        if option.kind == "point":
            # A place is pointed at, on a picture.
            expect(desk.page.locator("[data-step=place], [data-step=point]")).not_to_have_count(0)
        elif (edit.name, option.name) in DRAWN:
            expect(desk.option(option.name)).to_have_count(0)
        elif option.name != "device":  # a menu of one, when there is one
            check_control(desk, edit, option)
    shown = desk.page.locator("[data-option]").evaluate_all("all => all.map((e) => e.dataset.option)")
    assert set(shown) <= {option.name for option in edit.options()}, (
        "a control of what the edit cannot be told"
    )


def label_of(edit: catalog.Edit, option: str) -> str:
    """What the page calls an option: by its own words for it, or by its name."""
    own = table_of("tasks.js", "ARRANGEMENTS").get(edit.name, {}).get("labels", {})
    return str(
        own.get(option) or table_of("tasks.js", "LABELS").get(option) or option.replace("_", " ")
    ).lower()


def check_control(desk: Desk, edit: catalog.Edit, option: catalog.Option) -> None:
    """Compare the control of an option with what the catalog says."""
    control = desk.option(option.name)
    if option.kind in FILES and option.choices:
        # A word or a picture: a menu, and a place for the picture.
        expect(control, option.name).to_have_count(2)
        control = control.and_(desk.page.locator("select"))
    expect(control, option.name).to_have_count(1)
    told = control.evaluate(
        """control => ({
            tag: control.tagName, type: control.type, value: control.value, checked: control.checked,
            choices: [...(control.options || [])].map((one) => one.value),
            label: [...(control.labels || [])].map((one) => one.textContent).join(" "),
            hint: control.placeholder || "",
        })"""
    )
    if option.kind in FILES and not option.choices:
        assert told["type"] == "file", option
        return
    assert label_of(edit, option.name) in told["label"].lower(), (option.name, told)
    if option.kind == "choice" or option.kind in FILES:
        assert told["tag"] == "SELECT"
        assert {choice for choice in told["choices"] if choice} == set(option.choices)
        assert told["value"] == (option.default or "")
    elif option.kind == "flag":
        assert told["type"] == "checkbox"
        assert told["checked"] is bool(option.default)
    elif option.choices:
        assert set(option.choices) <= set(told["choices"])
    elif option.default not in (None, ""):
        said = told["value"] or told["hint"]
        same = (
            float(said) == option.default
            if isinstance(option.default, int | float)
            else said == option.default
        )
        assert same, (option, told)
    check_help(desk, option)


def check_help(desk: Desk, option: catalog.Option) -> None:
    """What the docstring says of an option is shown beside it when it is asked for."""
    words = _plain(option.help)[1:41]  # it begins with a capital there
    field = desk.page.locator(f'[data-field="{option.name}"]')
    assert words in _plain(field.first.text_content() or ""), option


def _plain(text: str) -> str:
    return " ".join(text.replace("`", "").split())
