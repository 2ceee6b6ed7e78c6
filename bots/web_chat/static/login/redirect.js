// Going to the login once the session has ended.

let isLeaving = false;

/** Open the login at `address`, once: a second navigation would abort the first. */
export function goToLogin(address) {
  if (!isLeaving) location.replace(address);
  isLeaving = true;
}
