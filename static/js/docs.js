// Swagger UI over our own description. Calls that are tried with a signed-in person's
// session carry the CSRF token; with a token of the API they need none.
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
  validatorUrl: null, // it would ask another host
  requestInterceptor: (request) => {
    if (request.method && !reads.has(request.method.toUpperCase())) {
      request.headers["X-CSRFToken"] = docs.dataset.csrf;
    }
    return request;
  },
});
