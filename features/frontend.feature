@site @release
Feature: A broken frontend is rolled back
  A page that does not load, a script that fails, an asset that is missing: the build from before is
  served again, from the bucket's versions, from its own folder, or published anew. Caches hold pages of
  every build meanwhile, so each asset that any of them names must be there, and what edges keep must go.

  @versions
  Scenario: A page that does not load is taken back by restoring the objects' versions
    Given visitors have been served the previous build of the site, and are served the current one
    And the bucket of the site keeps versions that can be restored
    And a build of the site whose symptom is page-does-not-load is published
    When the site is looked at as its visitors see it
    And the versions from before of the site's objects are restored
    And what the edges keep of the site is invalidated
    And the site is verified
    Then its visitors could see the fault
    And visitors are served the build from before
    And every page that a cache may still hold, old or new, finds its assets
    And content types and cache headers of the site are as before
    And the invalidation names all that the fault had changed, and has completed
    And the site's resources are as before, but for what no page names
    And the service is back within its recovery time objective
    And the site opens in a browser without a complaint

  @versions
  Scenario: What a broken build left is removed once no page asks for it any more
    Given visitors have been served the previous build of the site, and are served the current one
    And the bucket of the site keeps versions that can be restored
    And a build of the site whose symptom is missing-asset is published
    When the site is looked at as its visitors see it
    And the versions from before of the site's objects are restored
    And what the edges keep of the site is invalidated
    And what the broken build of the site left is removed
    Then its visitors could see the fault
    And visitors are served the build from before
    And every site is what it was before

  @origin-path
  Scenario: A script error is taken back by serving the previous build's folder again
    Given visitors are served the current build of the site from a folder of its own
    And the distribution of the site follows its origin path
    And a build of the site whose symptom is script-error is published
    When the site is looked at as its visitors see it
    And the site is served from the previous build's folder again
    And what the edges keep of the site is invalidated
    And the site is verified
    Then its visitors could see the fault
    And visitors are served the build from before
    And every page that a cache may still hold, old or new, finds its assets
    And content types and cache headers of the site are as before
    And no page of the site is kept for good, and no lasting file has changed
    And the invalidation names all that the fault had changed, and has completed
    And the site's resources are as before, but for what no page names
    And the service is back within its recovery time objective
    And the site opens in a browser without a complaint

  @redeploy
  Scenario: A missing asset is taken back by publishing the previous build again
    Given visitors have been served the previous build of the site, and are served the current one
    And a build of the site whose symptom is missing-asset is published
    When the site is looked at as its visitors see it
    And the previous build of the site is published again
    And what the edges keep of the site is invalidated
    And the site is verified
    Then its visitors could see the fault
    And visitors are served the build from before
    And every page that a cache may still hold, old or new, finds its assets
    And content types and cache headers of the site are as before
    And no page of the site is kept for good, and no lasting file has changed
    And the invalidation names all that the fault had changed, and has completed
    And the site's resources are as before, but for what no page names
    And the service is back within its recovery time objective
    And the site opens in a browser without a complaint
