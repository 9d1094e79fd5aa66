// What sticks out to the side or is too small to be touched: the list of faults of the page that is shown.
() => {
    const faults = [];
    const wide = document.documentElement.clientWidth;
    const whole = document.documentElement.scrollWidth;
    if (whole > wide) faults.push(`the page is ${whole} wide in a window of ${wide}`);
    for (const one of document.querySelectorAll("button, select, input:not([type=file]), summary")) {
        if (!one.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
        const box = one.getBoundingClientRect();
        if (box.width < 2 || box.height < 2) continue;
        const high = Math.max(box.height, one.labels?.[0]?.getBoundingClientRect().height || 0);
        const name = (one.getAttribute("aria-label") || one.textContent || one.outerHTML).slice(0, 60);
        // A slider is dragged along its length.
        if (high < (one.type === "range" ? 16 : 20)) faults.push(`${high} px high: ${name}`);
        const scrolls = one.closest("[data-scrolls], [role=tablist], [role=toolbar], nav");
        if (box.right > wide + 1 && !scrolls) faults.push(`ends at ${box.right}: ${name}`);
    }
    return faults;
}
