// What a consent banner does: it denies by default, and says what the visitor has answered, on the
// page of the answer and on all later ones.
window.uetq = window.uetq || [];
window.uetq.push("consent", "default", { ad_storage: "denied" });
const say = (answer) => window.uetq.push("consent", "update", { ad_storage: answer });
const answered = localStorage.getItem("answer");
if (answered) say(answered);

document.addEventListener("DOMContentLoaded", () => {
  for (const [button, answer] of [["yes", "granted"], ["no", "denied"]]) {
    document.getElementById(button).addEventListener("click", () => {
      localStorage.setItem("answer", answer);
      say(answer);
    });
  }
});
