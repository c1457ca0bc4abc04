import java.io.InputStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Date;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import javax.xml.parsers.DocumentBuilderFactory;
import org.verapdf.gf.foundry.VeraGreenfieldFoundryProvider;
import org.verapdf.pdfa.Foundries;
import org.verapdf.pdfa.PDFAParser;
import org.verapdf.pdfa.flavours.PDFAFlavour;
import org.verapdf.pdfa.results.TestAssertion;
import org.verapdf.pdfa.results.ValidationResult;
import org.verapdf.pdfa.validation.profiles.ErrorArgument;
import org.verapdf.pdfa.validation.profiles.ErrorArgumentImpl;
import org.verapdf.pdfa.validation.profiles.Profiles;
import org.verapdf.pdfa.validation.profiles.Rule;
import org.verapdf.pdfa.validation.profiles.RuleId;
import org.verapdf.pdfa.validation.profiles.ValidationProfile;
import org.verapdf.pdfa.validation.profiles.Variable;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;

/**
 * Runs veraPDF's validator on files: a line each, and one for each failed rule; exit code 0 when all comply.
 *
 * <p>The archive that it is taken from ships the profile of each flavour, without the JAXB library that veraPDF
 * reads profiles with; here they are read with the XML parser of the JDK.
 */
class Validate {
  public static void main(String[] files) throws Exception {
    VeraGreenfieldFoundryProvider.initialise();
    boolean sound = true;
    for (String file : files) {
      try (PDFAParser parser = Foundries.defaultInstance().createParser(Path.of(file).toFile(), PDFAFlavour.NO_FLAVOUR)) {
        ValidationProfile profile = profileOf(parser.getFlavour());
        ValidationResult result = Foundries.defaultInstance().createValidator(profile, true).validate(parser);
        sound &= result.isCompliant();
        report(file, profile, result);
      }
    }
    System.exit(sound ? 0 : 1);
  }

  private static void report(String file, ValidationProfile profile, ValidationResult result) {
    System.out.printf(
        "%s: PDF/A-%s, %d rules, %d checks, %s%n",
        file, profile.getPDFAFlavour().getId(), profile.getRules().size(), result.getTotalAssertions(),
        result.isCompliant() ? "compliant" : "not compliant");
    Set<RuleId> said = new HashSet<>();
    for (TestAssertion one : result.getTestAssertions()) {
      if (one.getStatus() == TestAssertion.Status.FAILED && said.add(one.getRuleId())) {
        System.out.printf(
            "  %s, test %d: %s%n", one.getRuleId().getClause(), one.getRuleId().getTestNumber(), one.getMessage());
      }
    }
  }

  private static ValidationProfile profileOf(PDFAFlavour flavour) throws Exception {
    String name = "/org/verapdf/pdfa/validation/PDFA-" + flavour.getId().toUpperCase() + ".xml";
    try (InputStream body = Profiles.class.getResourceAsStream(name)) {
      if (body == null) throw new IllegalArgumentException("no profile for flavour '" + flavour.getId() + "'");
      Document file = DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(body);
      Set<Rule> rules = new HashSet<>();
      for (Element rule : all(file.getDocumentElement(), "rule")) rules.add(ruleOf(rule));
      Set<Variable> variables = new HashSet<>();
      for (Element one : all(file.getDocumentElement(), "variable")) {
        variables.add(
            Profiles.variableFromValues(
                one.getAttribute("name"), one.getAttribute("object"), text(one, "defaultValue"), text(one, "value")));
      }
      return Profiles.profileFromValues(
          flavour, Profiles.profileDetailsFromValues(name, "", "", new Date(0)), "", rules, variables);
    }
  }

  private static Rule ruleOf(Element rule) {
    Element id = all(rule, "id").get(0);
    RuleId named =
        Profiles.ruleIdFromValues(
            PDFAFlavour.Specification.valueOf(id.getAttribute("specification")),
            id.getAttribute("clause"),
            Integer.parseInt(id.getAttribute("testNumber")));
    List<ErrorArgument> arguments = new ArrayList<>();
    for (Element one : all(rule, "argument")) {
      arguments.add(ErrorArgumentImpl.fromValues(one.getTextContent(), null, null));
    }
    return Profiles.ruleFromValues(
        named, rule.getAttribute("object"), rule.getAttribute("deferred").equals("true"), null,
        text(rule, "description"), text(rule, "test"), Profiles.errorFromValues(text(rule, "message"), arguments),
        List.of());
  }

  private static List<Element> all(Element within, String name) {
    NodeList found = within.getElementsByTagName(name);
    return IntStream.range(0, found.getLength()).mapToObj(number -> (Element) found.item(number)).toList();
  }

  private static String text(Element within, String name) {
    return all(within, name).get(0).getTextContent();
  }
}
