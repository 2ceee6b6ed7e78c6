"""What the site has beside docs/: the documents at the root of the checkout, with their links.

MkDocs loads it as a hook, see mkdocs.yml.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from posixpath import normpath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
#: File at the root -> page of the site.
PAGES = {
    "README.md": "index.md",
    "ARCHITECTURE.md": "architecture.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
}
_LINK = re.compile(
    r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\((?!https?:|#|mailto:)([^)\s#]+)(#[^)\s]*)?\)"
)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the documents at the root."""
    for name, page in PAGES.items():
        files.append(File.generated(config, page, content=(ROOT / name).read_text("utf-8")))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead the links of a page to pages; those to files of the code become text."""
    at_root = {value: PurePosixPath(name) for name, value in PAGES.items()}
    place = at_root.get(page.file.src_uri, PurePosixPath("docs", page.file.src_uri)).parent

    def lead(link: re.Match[str]) -> str:
        picture, text, target, anchor = link.groups()
        path = normpath(str(place / target))
        found = PAGES.get(path) or path.removeprefix("docs/")
        if files.get_file_from_path(found) is None:
            return str(text)
        return f"{picture}[{text}]({found}{anchor or ''})"

    return _LINK.sub(lead, markdown)
