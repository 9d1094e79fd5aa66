// Whether the focus can be seen on what has it, on its label, or on what stands for it.
() => {
    const drawn = (one) => {
        const style = one && getComputedStyle(one);
        if (!style) return false;
        return (style.outlineStyle !== "none" && style.outlineWidth !== "0px") || style.boxShadow !== "none";
    };
    const one = document.activeElement;
    return [one, one.nextElementSibling, one.parentElement, one.labels?.[0]].some(drawn);
}
