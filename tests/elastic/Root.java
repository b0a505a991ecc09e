import java.util.Collection;
import java.util.List;
import java.util.Map;
import org.elasticsearch.Build;
import org.elasticsearch.client.internal.node.NodeClient;
import org.elasticsearch.common.settings.Setting;
import org.elasticsearch.plugins.ActionPlugin;
import org.elasticsearch.plugins.Plugin;
import org.elasticsearch.rest.BaseRestHandler;
import org.elasticsearch.rest.RestHandler;
import org.elasticsearch.rest.RestRequest;
import org.elasticsearch.rest.RestResponse;
import org.elasticsearch.rest.RestStatus;

/** What two modules that are not in the registry do for every cluster: `GET /`, and the setting that names an ILM policy. */
public class Root extends Plugin implements ActionPlugin {
    @Override
    public List<Setting<?>> getSettings() {
        return List.of(
                Setting.simpleString("index.lifecycle.name", Setting.Property.Dynamic, Setting.Property.IndexScope));
    }

    @Override
    public Collection<RestHandler> getRestHandlers(SIGNATURE) {
        return List.of(new Handler());
    }

    static class Handler extends BaseRestHandler {
        @Override
        public String getName() {
            return "root";
        }

        @Override
        public List<Route> routes() {
            return List.of(new Route(RestRequest.Method.GET, "/"), new Route(RestRequest.Method.HEAD, "/"));
        }

        @Override
        protected RestChannelConsumer prepareRequest(RestRequest request, NodeClient client) {
            return channel -> {
                var version = Map.of(
                        "number", Build.current().qualifiedVersion(),
                        "build_flavor", "default",
                        "lucene_version", org.apache.lucene.util.Version.LATEST.toString());
                var answer = channel.newBuilder().startObject().field("name", "one");
                answer.field("cluster_name", "sentinel-test").field("version", version);
                answer.field("tagline", "You Know, for Search").endObject();
                channel.sendResponse(new RestResponse(RestStatus.OK, answer));
            };
        }
    }
}
