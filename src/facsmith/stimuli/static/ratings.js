// One page: a start, one trial for each stimulus in an order of the participant's own, and the answers as a CSV.
// `settings` holds stimuli (rows of the manifest), questions, emotions and points, and is defined before this script.
(() => {
  const asked = settings.questions;
  const texts = {
    naturalness: ["How natural does this expression look?", "not at all", "completely"],
    intensity: ["How intense is this expression?", "not at all", "as much as can be"],
    emotion: ["Which emotion does this face show?"],
  };
  const columns = ["participant", "started", "trial", "stimulus", "kind", "photo", "condition", "mirror", ...asked, "rt_ms"];
  const started = localTime(new Date());
  let participant = "";

  function localTime(date) {
    return new Date(date.getTime() - date.getTimezoneOffset() * 60000).toISOString().slice(0, 19);
  }
  function escaped(text) {
    return String(text).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
  }
  function address(name) {
    return escaped(encodeURIComponent(name));
  }
  function shown(row) {
    if (row.kind === "film") {
      return `<video class="stimulus" src="${address(row.stimulus)}" autoplay muted playsinline controls></video>`;
    }
    return `<img class="stimulus" src="${address(row.stimulus)}" alt="A face">`;
  }
  function choice(name, value, label) {
    const text = `<span>${escaped(label)}</span>`;
    return `<label class="choice">${text}<input type="radio" name="${name}" value="${escaped(value)}" required></label>`;
  }
  function field(name) {
    const [question, low, high] = texts[name];
    if (name === "emotion") {
      const all = settings.emotions.map((emotion) => choice(name, emotion, emotion)).join("");
      return `<fieldset><legend>${question}</legend><div class="choices">${all}</div></fieldset>`;
    }
    const points = Array.from({ length: settings.points }, (_, i) => choice(name, i + 1, i + 1)).join("");
    const scale = `<span class="end">${low}</span>${points}<span class="end">${high}</span>`;
    return `<fieldset><legend>${question}</legend><div class="scale">${scale}</div></fieldset>`;
  }
  function cell(value) {
    const text = String(value ?? "");
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  }
  function answers() {
    const rows = jsPsych.data.get().filter({ rated: true }).values();
    const lines = rows.map((row) => columns.map((name) => cell(row[name])).join(","));
    return `${columns.join(",")}\r\n${lines.map((line) => `${line}\r\n`).join("")}`;
  }
  function save() {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([answers()], { type: "text/csv" }));
    link.download = `ratings_${participant.replace(/[^\w.-]+/g, "-")}.csv`;
    link.click();
  }

  const jsPsych = initJsPsych({ on_finish: end });
  window.addEventListener("beforeunload", (event) => {
    if (jsPsych.data.get().filter({ rated: true }).count() && !document.getElementById("done")) event.preventDefault();
  });

  function end() {
    document.querySelector("#jspsych-content").innerHTML =
      '<div class="panel" id="done"><p>Thank you. Your answers are saved in a file of your downloads; ' +
      "please hand it to the experimenter.</p><button type=\"button\" id=\"again\">Save it again</button></div>";
    document.getElementById("again").addEventListener("click", save);
    save();
  }

  const order = jsPsych.randomization.shuffle(settings.stimuli);
  const start = {
    type: jsPsychSurveyHtmlForm,
    html:
      '<div class="panel"><p>You will see faces, one at a time. For each, please answer what is asked below it. ' +
      "There are no right or wrong answers: your first impression counts.</p>" +
      `<p>${order.length} faces. Please do not close this page before the end.</p>` +
      '<p><label>Your code: <input type="text" name="participant" id="participant" required maxlength="64" ' +
      'pattern=".*\\S.*"></label></p></div>',
    autofocus: "participant",
    button_label: "Start",
    on_finish: (data) => { participant = data.response.participant.trim(); },
  };
  const trials = order.map((row, index) => ({
    type: jsPsychSurveyHtmlForm,
    preamble: `<p class="where">${index + 1} of ${order.length}</p>${shown(row)}`,
    html: `<div class="panel">${asked.map(field).join("")}</div>`,
    button_label: "Next",
    on_load: () => {
      window.scrollTo(0, 0);
      const next = order[index + 1];
      if (next && next.kind === "still") new Image().src = encodeURIComponent(next.stimulus); // is there when its turn comes
    },
    on_finish: (data) => {
      Object.assign(data, row, data.response, { rated: true, participant, started, trial: index + 1, rt_ms: data.rt });
    },
  }));
  jsPsych.run([start, ...trials]);
})();
