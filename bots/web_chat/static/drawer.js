// The list of chats beside the conversation; on a narrow screen a drawer over it.

const byId = (id) => document.getElementById(id);
const narrow = matchMedia("(max-width: 760px)");

/** Connect the drawer; returns a function that closes it. */
export function openDrawer() {
  const side = byId("side");
  const page = byId("page");
  const show = (isOpen) => {
    const isDrawer = narrow.matches;
    side.classList.toggle("open", isOpen && isDrawer);
    // What is hidden must not take the focus.
    side.inert = isDrawer && !isOpen;
    page.inert = isDrawer && isOpen;
    byId("shade").hidden = !(isDrawer && isOpen);
    byId("open-side").setAttribute("aria-expanded", String(isOpen && isDrawer));
  };
  const close = () => {
    const wasOpen = side.classList.contains("open");
    show(false);
    if (wasOpen) byId("open-side").focus();
  };
  byId("open-side").addEventListener("click", () => {
    show(true);
    byId("new-chat").focus();
  });
  byId("close-side").addEventListener("click", close);
  byId("shade").addEventListener("click", close);
  side.addEventListener("keydown", (event) => event.key === "Escape" && close());
  narrow.addEventListener("change", () => show(false));
  show(false);
  return close;
}
