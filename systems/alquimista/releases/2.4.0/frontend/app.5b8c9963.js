"use strict";

const STAGES = ["new", "contacted", "qualified", "handed over"];

function show(app, version) {
  const list = document.createElement("ol");
  list.append(...STAGES.map((stage) => Object.assign(document.createElement("li"), { textContent: stage })));
  const said = Object.assign(document.createElement("p"), { id: "version", textContent: `Release $2.4.0` });
  app.replaceChildren(list, said);
  document.documentElement.dataset.ready = version;
}

show(document.getElementById("app"), document.querySelector("meta[name=version]").content);
