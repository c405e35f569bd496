import java.util.concurrent.atomic.AtomicLong;
import org.junit.runner.Description;
import org.junit.runner.JUnitCore;
import org.junit.runner.Request;
import org.junit.runner.notification.Failure;
import org.junit.runner.notification.RunListener;

/**
 * Runs JUnit 4 classes one by one: a line a case. A class that is silent for 90 s ends the process with 75: its threads would
 * disturb the others.
 */
public final class SuiteRun {
    private static final long kSilenceMs = 90_000;

    public static void main(String[] names) throws Exception {
        for (String name : names) runClass(name);
        System.exit(0);
    }

    private static void runClass(String name) throws Exception {
        System.out.println("# class " + name);
        Class<?> type = Class.forName(name);
        AtomicLong last = new AtomicLong(System.nanoTime());
        Lines lines = new Lines(last);
        Thread thread = new Thread(() -> {
            JUnitCore core = new JUnitCore();
            core.addListener(lines);
            core.run(Request.aClass(type));
        });
        thread.setDaemon(true);
        thread.start();
        while (thread.isAlive()) {
            thread.join(200);
            if (!thread.isAlive() || (System.nanoTime() - last.get()) / 1_000_000 < kSilenceMs) continue;
            lines.leaveBehind();
            for (StackTraceElement at : thread.getStackTrace()) System.out.println("# at " + at);
            System.exit(75);
        }
    }

    private static final class Lines extends RunListener {
        private final AtomicLong last_;
        private Failure failure_;
        private boolean skipped_;
        private Description now_;

        Lines(AtomicLong last) { last_ = last; }

        @Override public synchronized void testStarted(Description test) {
            failure_ = null;
            skipped_ = false;
            now_ = test;
            last_.set(System.nanoTime());
        }

        @Override public synchronized void testFailure(Failure failure) {
            if (failure_ == null) failure_ = failure;
            if (!failure.getDescription().isTest()) say("FAIL", failure.getDescription(), failure);
        }

        @Override public synchronized void testAssumptionFailure(Failure failure) { skipped_ = true; }

        @Override public synchronized void testIgnored(Description test) { say("SKIP", test, null); }

        @Override public synchronized void testFinished(Description test) {
            last_.set(System.nanoTime());
            say(failure_ != null ? "FAIL" : skipped_ ? "SKIP" : "PASS", test, failure_);
            now_ = null;
        }

        synchronized void leaveBehind() {
            if (now_ != null) say("FAIL", now_, null);
        }

        private void say(String verdict, Description test, Failure failure) {
            String method = test.getMethodName();
            System.out.println(verdict + " " + test.getClassName() + (method == null ? "" : "." + method));
            if (failure == null) return;
            Throwable cause = failure.getException();
            for (int depth = 0; cause != null && depth < 4; ++depth, cause = cause.getCause())
                System.out.println("#   " + String.valueOf(cause).replace('\n', ' '));
            for (StackTraceElement at : failure.getException().getStackTrace())
                if (at.getClassName().contains(".test.")) System.out.println("#   at " + at);
        }
    }
}
