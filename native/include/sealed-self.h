/* Running from a copy that nobody can write to. */
#pragma once

/* The container could write to our executable through /proc/PID/exe (CVE-2019-5736): it only ever sees a sealed copy. Executes
 * itself again from one; 0 when that has been done, -errno when it cannot be. */
int sealed_self(char **argv);
