import com.amazon.randomcutforest.config.ForestMode;
import com.amazon.randomcutforest.config.Precision;
import com.amazon.randomcutforest.config.TransformMethod;
import com.amazon.randomcutforest.parkservices.AnomalyDescriptor;
import com.amazon.randomcutforest.parkservices.ThresholdedRandomCutForest;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;

/**
 * Rows of comma-separated numbers in; score and anomaly grade of each out, in order, every row scored before it is
 * learnt. Arguments: number of columns, shingle size (rows that are looked at together). The last line of stderr says
 * how many nanoseconds a row of the second half took, when the compiler has done its work.
 */
public class RandomCutForestScores {
    private static final int TREES = 50;
    private static final int SAMPLES = 256;
    private static final long SEED = 0;

    public static void main(String[] arguments) throws IOException {
        int columns = Integer.parseInt(arguments[0]);
        int shingle = Integer.parseInt(arguments[1]);
        ThresholdedRandomCutForest forest = ThresholdedRandomCutForest.builder()
                .dimensions(columns * shingle)
                .shingleSize(shingle)
                .numberOfTrees(TREES)
                .sampleSize(SAMPLES)
                .precision(Precision.FLOAT_32)
                .randomSeed(SEED)
                .parallelExecutionEnabled(false)
                .forestMode(ForestMode.STANDARD)
                .transformMethod(TransformMethod.NORMALIZE)
                .build();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        StringBuilder out = new StringBuilder();
        PrintStream stream = new PrintStream(System.out, false);
        long number = 0;
        List<double[]> rows = new ArrayList<>();
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] cells = line.split(",");
            double[] row = new double[columns];
            for (int i = 0; i < columns; i++) {
                row[i] = Double.parseDouble(cells[i]);
            }
            rows.add(row);
        }
        int half = rows.size() / 2;
        long began = 0;
        for (double[] row : rows) {
            if (number == half) {
                began = System.nanoTime();
            }
            AnomalyDescriptor seen = forest.process(row, number++);
            out.append(seen.getRCFScore()).append(',').append(seen.getAnomalyGrade()).append('\n');
            if (out.length() > 1 << 16) {
                stream.print(out);
                out.setLength(0);
            }
        }
        System.err.println((System.nanoTime() - began) / Math.max(rows.size() - half, 1));
        stream.print(out);
        stream.flush();
    }
}
