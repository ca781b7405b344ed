/* The style sheet. Colours are variables, so that light, dark and print differ in one place each. */
#include "parts.h"

/* clang-format off */
static const char *const lines[] = {
    ":root { color-scheme: light dark; --paper: #fff; --ink: #1d1f21; --soft: #5d6368; --rule: #dcdfe2; --tint: #f4f5f6;",
    "  --c0: #2166ac; --c1: #c4511c; --c2: #1b7a4b; --c3: #8a3fa0; --c4: #8c6a00; --c5: #b3204d; --bad: #b3204d; }",
    "@media (prefers-color-scheme: dark) { :root { --paper: #16181a; --ink: #e4e6e8; --soft: #9aa1a7; --rule: #34383c;",
    "  --tint: #1f2225; --c0: #6aaef2; --c1: #f0905c; --c2: #5cc48e; --c3: #cc8fe0; --c4: #d6b13f; --c5: #f27c9f;",
    "  --bad: #f27c9f; } }",
    "@media print { :root { --paper: #fff; --ink: #000; --soft: #444; --rule: #bbb; --tint: #f4f5f6; --c0: #2166ac;",
    "  --c1: #c4511c; --c2: #1b7a4b; --c3: #8a3fa0; --c4: #8c6a00; --c5: #b3204d; } .wide { overflow: visible !important; }",
    "  figure, tr { break-inside: avoid; } h2 { break-after: avoid; } }",
    "* { box-sizing: border-box; }",
    "body { margin: 0 auto; padding: 1rem clamp(0.8rem, 3vw, 2.5rem) 3rem; max-width: 100rem; background: var(--paper);",
    "  color: var(--ink); font: 15px/1.5 system-ui, 'DejaVu Sans', sans-serif; }",
    "h1 { font-size: 1.6rem; font-weight: 600; margin: 0.5rem 0 0; overflow-wrap: anywhere; }",
    "h2 { font-size: 1.15rem; font-weight: 600; margin: 2.2rem 0 0.7rem; overflow-wrap: anywhere; }",
    "h3 { font-size: 1rem; font-weight: 600; margin: 1.2rem 0 0.4rem; overflow-wrap: anywhere; }",
    "footer, .hint, .unit, .at { color: var(--soft); font-weight: 400; } .hint { font-size: 0.87rem; margin: 0.4rem 0; }",
    "footer { margin-top: 3rem; font-size: 0.87rem; } ul { padding-left: 1.2rem; }",
    ".notes { border-left: 3px solid var(--bad); padding-left: 1rem; } .notes h2 { margin-top: 1rem; }",
    ".notes li { overflow-wrap: anywhere; }",
    ".wide { overflow-x: auto; } table { border-collapse: collapse; font-size: 0.87rem; }",
    "th, td { padding: 0.28rem 0.9rem 0.28rem 0; text-align: left; vertical-align: top; font-weight: 400;",
    "  border-bottom: 1px solid var(--rule); overflow-wrap: anywhere; min-width: 11rem; max-width: 26rem; }",
    "thead th { font-weight: 600; border-bottom: 2px solid var(--rule); white-space: nowrap; }",
    "th:first-child { position: sticky; left: 0; background: var(--paper); min-width: 7.6rem; overflow-wrap: break-word; }",
    "tbody th { color: var(--soft); } tbody td:first-child, tbody th:first-child { padding-left: 0.6rem; }",
    "thead th:first-child { padding-left: 0.6rem; }",
    "caption { text-align: left; font-weight: 600; padding: 0.5rem 0; } td.more { color: var(--soft); }",
    ".differs > :first-child { box-shadow: inset 3px 0 var(--c4); color: var(--ink); }",
    ".results th, .results td, .short th, .short td { min-width: 0; white-space: nowrap; } .number { text-align: right; font-variant-numeric:",
    "  tabular-nums; white-space: nowrap; } td.number, th.number { padding-right: 1.2rem; }",
    ".recall td:last-child { width: 8rem; min-width: 6rem; padding-right: 0; } .bar { display: block; height: 0.6rem;",
    "  margin-top: 0.45rem; background: var(--c0); }",
    ".charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 22rem), 1fr)); gap: 1.4rem 2rem; }",
    ".pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); gap: 1.4rem 2.5rem;",
    "  align-items: start; } .pair > * { min-width: 0; }",
    "figure { margin: 0; min-width: 0; } figcaption { font-weight: 600; margin-bottom: 0.3rem; }",
    "svg { display: block; width: 100%; height: auto; } .matrix { max-width: 32rem; }",
    "svg text { font: 12px system-ui, 'DejaVu Sans', sans-serif; fill: var(--soft); } svg text.on { fill: var(--paper); }",
    ".grid { stroke: var(--rule); stroke-width: 1; } .axis { stroke: var(--soft); stroke-width: 1; }",
    ".line { fill: none; stroke-width: 1.6; stroke-linejoin: round; } .dot { stroke: none; }",
    ".mark { stroke-width: 1.2; stroke-dasharray: 1.5 3; }",
    ".d1 { stroke-dasharray: 6 3; } .d2 { stroke-dasharray: 2 2; } .d3 { stroke-dasharray: 8 3 2 3; }",
    ".pictures { font-size: 0.8rem; } .pictures th, .pictures td { padding: 0 0.5rem 0.5rem 0 !important; border: 0; min-width: 0;",
    "  max-width: 10rem; position: static; white-space: normal; vertical-align: bottom; } .pictures tbody th { vertical-align: middle; min-width: 9rem; }",
    ".pictures img { display: block; width: 7rem; height: 7rem; } .pictures img.coarse { image-rendering: pixelated; }",
    ".right { fill: var(--c0); } .wrong { fill: var(--c1); }",
    ".legend { list-style: none; margin: 0.3rem 0 0; padding: 0; font-size: 0.87rem; display: flex; flex-wrap: wrap;",
    "  gap: 0.1rem 1.2rem; } .legend b { font-weight: 600; font-variant-numeric: tabular-nums; }",
    ".key { display: inline-block; width: 1.2em; height: 0; border-top: 3px solid var(--c); vertical-align: 0.28em;",
    "  margin-right: 0.45em; } .key.d1 { border-top-style: dashed; } .key.d2 { border-top-style: dotted; }",
    ".key.d3 { border-top-style: double; }",
    ".s0 { --c: var(--c0); } .s1 { --c: var(--c1); } .s2 { --c: var(--c2); } .s3 { --c: var(--c3); }",
    ".s4 { --c: var(--c4); } .s5 { --c: var(--c5); } .line, .mark { stroke: var(--c); } .dot { fill: var(--c); }",
};
/* clang-format on */

void tec_report_style(FILE *out)
{
    fputs("<style>\n", out);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        fprintf(out, "%s\n", lines[i]);
    fputs("</style>\n", out);
}
