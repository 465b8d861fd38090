/* Pseudo terminals of a given devpts, by descriptor: no name is looked up (TIOCGPTPEER). */
#pragma once

struct pty {
	int master, slave;
	unsigned int number; /* of /dev/pts/N */
};

/* Both ends close-on-exec, no controlling terminal. 0 or -errno. */
int pty_open(int devpts, struct pty *ret);
