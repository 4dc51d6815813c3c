// SPDX-License-Identifier: GPL-2.0
// A server that locks its heap when it starts, as search engines in Java do, and goes on if it
// cannot.
import com.sun.jna.Native;

public class Heap {
	static final int MCL_CURRENT = 1;

	static native int mlockall(int flags);

	public static void main(String[] args) throws InterruptedException {
		Native.register("c");
		if (mlockall(MCL_CURRENT) == 0)
			System.out.println("locked");
		else
			System.out.println("not locked: " + Native.getLastError());
		Thread.sleep(Long.MAX_VALUE);
	}
}
