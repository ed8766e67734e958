"use strict";
// The code behind the # was sent to nobody yet. It leaves the address, and goes into the form.
const code = location.hash.slice(1);
if (code) {
  history.replaceState(null, "", location.pathname);
  document.getElementById("code").value = code;
  document.getElementById("door").submit();
}
