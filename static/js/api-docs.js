// Draws the API's description, which is served beside it. A file of its own, since no page has inline scripts.
const place = document.getElementById("api-docs");

// What Swagger UI leaves out: landmarks around what stands before its main part, a heading between the title and the
// groups, and no link within the button that opens an operation.
function accessible({ React }) {
  const h = React.createElement;
  const within = (element, attributes) => (Original) => (props) => h(element, attributes, h(Original, props));
  return {
    wrapComponents: {
      InfoContainer: within("div", { role: "banner" }),
      AuthorizeBtnContainer: within("section", { "aria-label": place.dataset.authorisation }),
      operations: (Original) => (props) =>
        h(React.Fragment, null, h("h2", { className: "operations-title" }, place.dataset.operations), h(Original, props)),
      DeepLink: () => ({ text }) => h("span", { className: "nostyle" }, text),
    },
  };
}

// What it draws without a name, without the keyboard or at a wrong level, whenever it draws something.
function mend() {
  const set = (selector, attribute, value) => {
    for (const element of place.querySelectorAll(selector)) {
      const wanted = typeof value === "function" ? value(element) : value;
      if (element.getAttribute(attribute) !== wanted) element.setAttribute(attribute, wanted);
    }
  };
  const parameter = (element) => element.closest("[data-param-name]").dataset.paramName;
  set("[data-param-name] :is(input, select, textarea)", "aria-label", parameter);
  set(".body-param__text", "aria-label", place.dataset.body);
  set(".close-modal", "aria-label", place.dataset.close);
  set(".auth-btn-wrapper button", "aria-label", (button) => button.textContent);
  set(".modal-ux-header h3", "aria-level", "2");
  set(".auth-container h4", "aria-level", "3");
  set(".auth-container h6", "aria-level", "4");
  set("pre.microlight", "tabindex", "0");
}
new MutationObserver(mend).observe(place, { childList: true, subtree: true });

window.SwaggerUIBundle({
  domNode: place,
  url: place.dataset.schema,
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  validatorUrl: null,
  plugins: [accessible],
});
