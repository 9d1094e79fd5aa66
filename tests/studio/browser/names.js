// What a screen reader would stumble over: the list of faults of the page that is shown.
() => {
    const faults = [];
    const shown = (one) => one.checkVisibility({ visibilityProperty: true });
    const textOf = (ids) => (ids || "").split(" ").map((id) => document.getElementById(id)?.textContent || "").join(" ");
    const nameOf = (one) => [
        one.getAttribute("aria-label"),
        one.title,
        one.alt,
        textOf(one.getAttribute("aria-labelledby")),
        [...(one.labels || [])].map((label) => label.textContent).join(" "),
        one.textContent,
    ].join(" ").trim();
    const usable = "button, a[href], input, select, textarea, summary, [role=tab], [role=slider], [tabindex='0']";
    for (const one of document.querySelectorAll(usable)) {
        if (shown(one) && !one.closest("[aria-hidden=true]") && !nameOf(one)) faults.push("no name: " + one.outerHTML.slice(0, 150));
    }
    for (const one of document.querySelectorAll("img:not([alt])")) {
        faults.push("no alt: " + one.outerHTML.slice(0, 150));
    }
    const ids = [...document.querySelectorAll("[id]")].map((one) => one.id);
    for (const id of new Set(ids.filter((id, n) => ids.indexOf(id) !== n))) faults.push("twice: #" + id);
    for (const attribute of ["aria-controls", "aria-describedby", "aria-labelledby", "for"]) {
        for (const one of document.querySelectorAll(`[${attribute}]`)) {
            for (const id of one.getAttribute(attribute).split(" ").filter(Boolean)) {
                if (!document.getElementById(id)) faults.push(`${attribute} leads nowhere: ${id}`);
            }
        }
    }
    let last = 0;
    for (const one of [...document.querySelectorAll("h1, h2, h3, h4")].filter(shown)) {
        const level = Number(one.tagName[1]);
        if (level > last + 1) faults.push("heading jumps: " + one.textContent);
        last = level;
    }
    for (const single of ["h1", "main"]) {
        const count = [...document.querySelectorAll(single)].filter(shown).length;
        if (count !== 1) faults.push(`${count} times ${single}`);
    }
    if (!document.documentElement.lang) faults.push("no language");
    if (!document.title) faults.push("no title");
    if (!document.querySelector("[aria-live], [role=status]")) faults.push("no live region");
    return faults;
}
