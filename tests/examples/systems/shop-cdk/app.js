const cdk = require('aws-cdk-lib');
const lambda = require('aws-cdk-lib/aws-lambda');
const apigw = require('aws-cdk-lib/aws-apigateway');
const dynamodb = require('aws-cdk-lib/aws-dynamodb');
const sqs = require('aws-cdk-lib/aws-sqs');
const sns = require('aws-cdk-lib/aws-sns');
const subs = require('aws-cdk-lib/aws-sns-subscriptions');
const events = require('aws-cdk-lib/aws-events');
const targets = require('aws-cdk-lib/aws-events-targets');
const sources = require('aws-cdk-lib/aws-lambda-event-sources');
const assets = require('aws-cdk-lib/aws-s3-assets');

const release = process.env.RELEASE;

class Queues extends cdk.NestedStack {
  constructor(scope, id) {
    super(scope, id);
    this.queue = new sqs.Queue(this, 'Orders', { visibilityTimeout: cdk.Duration.seconds(30) });
  }
}

class Data extends cdk.Stack {
  constructor(scope, id, props) {
    super(scope, id, props);
    this.table = new dynamodb.Table(this, 'Orders', {
      partitionKey: { name: 'id', type: dynamodb.AttributeType.STRING },
      billingMode: dynamodb.BillingMode.PAY_PER_REQUEST,
      removalPolicy: cdk.RemovalPolicy.DESTROY,
    });
  }
}

class Shop extends cdk.Stack {
  constructor(scope, id, props) {
    super(scope, id, props);
    const queues = new Queues(this, 'Queues');
    const orders = new lambda.Function(this, 'Orders', {
      runtime: lambda.Runtime.PYTHON_3_12,
      handler: 'index.handler',
      code: lambda.Code.fromAsset(`app/orders-${release}`),
      memorySize: release === '1' ? 128 : 256,
      environment: { GREETING: `release ${release}`, TABLE: props.table.tableName },
    });
    props.table.grantReadWriteData(orders);
    orders.addEventSource(new sources.SqsEventSource(queues.queue, { batchSize: 5 }));
    const live = new lambda.Alias(this, 'Live', { aliasName: 'LIVE', version: orders.currentVersion });
    new apigw.LambdaRestApi(this, 'Api', { handler: live });
    new events.Rule(this, 'Nightly', {
      schedule: events.Schedule.rate(cdk.Duration.days(1)),
      targets: [new targets.LambdaFunction(live)],
    });
    const topic = new sns.Topic(this, 'Told');
    topic.addSubscription(new subs.EmailSubscription('operations@shop.example'));
    orders.metricErrors().createAlarm(this, 'Errors', { threshold: 1, evaluationPeriods: 1 });
    const page = new assets.Asset(this, 'Page', { path: 'app/site/index.html' });
    new cdk.CfnOutput(this, 'PageUrl', { value: page.s3ObjectUrl });
  }
}

const app = new cdk.App();
const data = new Data(app, 'ShopData', {});
new Shop(app, 'Shop', { table: data.table });
