// Web: where we are. Every page has an address that can be sent to a colleague; the browser's back and forward buttons work.
import { signal } from "@preact/signals";

export const PAGES = [
  "drift",
  "performance",
  "shadow",
  "versions",
  "governance",
  "decisions",
  "reports",
] as const;
export type PageName = (typeof PAGES)[number];

export type Route =
  | { readonly at: "overview" }
  | { readonly at: "audit" }
  | { readonly at: "decision"; readonly id: string }
  | { readonly at: "model"; readonly model: string; readonly page: PageName };

/** The page of an address; an unknown one is the overview. */
export const routeOf = (path: string): Route => {
  const [first, second, third, fourth] = path
    .split("/")
    .filter((part) => part !== "")
    .map(decodeURIComponent);
  if (first !== "dashboard") return { at: "overview" };
  if (second === "audit") return { at: "audit" };
  if (second === "decisions" && third !== undefined) return { at: "decision", id: third };
  const page = PAGES.find((name) => name === fourth);
  if (second === "models" && third !== undefined && page !== undefined)
    return { at: "model", model: third, page };
  return { at: "overview" };
};

/** The address of a page. */
export const pathOf = (route: Route): string => {
  switch (route.at) {
    case "overview":
      return "/dashboard";
    case "audit":
      return "/dashboard/audit";
    case "decision":
      return `/dashboard/decisions/${encodeURIComponent(route.id)}`;
    case "model":
      return `/dashboard/models/${encodeURIComponent(route.model)}/${route.page}`;
  }
};

export const route = signal<Route>({ at: "overview" });
/** The model last looked at, so that its pages stay at hand on the others. */
export const lastModel = signal<string | null>(null);

const follow = (): void => {
  route.value = routeOf(location.pathname);
  if (route.value.at === "model") lastModel.value = route.value.model;
};

/** Goes to a page. */
export const go = (to: Route): void => {
  history.pushState(null, "", pathOf(to));
  follow();
  window.scrollTo(0, 0);
  document.querySelector<HTMLElement>("main h1")?.focus();
};

/** Begins to follow the address and every link within the dashboard. */
export const startRouting = (): void => {
  addEventListener("popstate", follow);
  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey)
      return;
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    if (link === null || link.origin !== location.origin || !link.pathname.startsWith("/dashboard")) return;
    event.preventDefault();
    go(routeOf(link.pathname));
  });
  follow();
};
