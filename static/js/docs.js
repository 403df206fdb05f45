// Swagger UI for ServerFleet's API. Calls with the session of a signed-in person carry the
// CSRF token. Calls with an API token need none.
"use strict";

const docs = document.getElementById("docs");
const dark = matchMedia("(prefers-color-scheme: dark)");

function showTheme() {
  const { dataset, classList } = document.documentElement;
  classList.toggle("dark-mode", dataset.theme === "auto" ? dark.matches : dataset.theme === "dark");
}
dark.addEventListener("change", showTheme);
showTheme();

const reads = new Set(["GET", "HEAD", "OPTIONS"]);

SwaggerUIBundle({
  url: docs.dataset.schema,
  domNode: docs,
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  validatorUrl: null, // it would send a request to another host
  requestInterceptor: (request) => {
    if (request.method && !reads.has(request.method.toUpperCase())) {
      request.headers["X-CSRFToken"] = docs.dataset.csrf;
    }
    return request;
  },
});
